//! The table of results.

use std::fmt;

use crate::measure::Samples;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Amount {
    /// Seconds.
    Time(f64),
    /// Per second.
    Rate(f64),
    Bytes(f64),
    Count(f64),
}

impl Amount {
    fn number(self) -> f64 {
        match self {
            Self::Time(number) | Self::Rate(number) | Self::Bytes(number) | Self::Count(number) => {
                number
            }
        }
    }

    /// Returns whether the number meets the target: a rate is at least it, other amounts are at
    /// most it.
    fn meets(self, number: f64, aim: f64) -> bool {
        match self {
            Self::Rate(_) => number >= aim,
            Self::Time(_) | Self::Bytes(_) | Self::Count(_) => number <= aim,
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units: &[(f64, &str)] = match self {
            Self::Time(_) => &[(1.0, " s"), (1e-3, " ms"), (1e-6, " µs"), (1e-9, " ns")],
            Self::Rate(_) => &[(1e6, " M/s"), (1e3, " k/s"), (1.0, "/s")],
            Self::Count(_) => &[(1.0, "")],
            Self::Bytes(_) => &[(1e9, " GB"), (1e6, " MB"), (1e3, " kB"), (1.0, " B")],
        };
        let number = self.number();
        let fitting = units.iter().find(|(size, _)| number.abs() >= *size);
        let (size, unit) = fitting.or(units.last()).unwrap();
        write!(f, "{}{unit}", Short(number / size))
    }
}

/// A number with about three digits.
struct Short(f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = match self.0.abs() {
            100.0.. => 0,
            10.0..100.0 => 1,
            0.1..10.0 => 2,
            0.0 => 0,
            _ => 3,
        };
        write!(f, "{:.digits$}", self.0)
    }
}

/// The median of many amounts, and the one that one in a hundred exceeds.
pub(crate) struct Figure {
    amount: Amount,
    p99: Option<Amount>,
}

impl From<Amount> for Figure {
    fn from(amount: Amount) -> Self {
        Self { amount, p99: None }
    }
}

impl From<&Samples> for Figure {
    fn from(samples: &Samples) -> Self {
        Self {
            amount: Amount::Time(samples.median()),
            p99: Some(Amount::Time(samples.p99())),
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.amount.fmt(f)?;
        match self.p99 {
            Some(p99) => write!(f, " (p99 {p99})"),
            None => Ok(()),
        }
    }
}

/// A line of the table.
pub(crate) struct Row {
    target: String,
    figure: Figure,
    floor: Option<Figure>,
    aim: Option<Aim>,
}

enum Aim {
    Amount(Amount),
    Ratio(f64),
}

impl Row {
    pub(crate) fn new(target: impl Into<String>, figure: impl Into<Figure>) -> Self {
        Self {
            target: target.into(),
            figure: figure.into(),
            floor: None,
            aim: None,
        }
    }

    pub(crate) fn beside(mut self, floor: impl Into<Figure>) -> Self {
        self.floor = Some(floor.into());
        self
    }

    pub(crate) fn aim(mut self, amount: Amount) -> Self {
        self.aim = Some(Aim::Amount(amount));
        self
    }

    /// Sets the target to a multiple of the floor: at most, or for a rate at least.
    pub(crate) fn aim_ratio(mut self, ratio: f64) -> Self {
        self.aim = Some(Aim::Ratio(ratio));
        self
    }

    fn ratio(&self) -> Option<f64> {
        let floor = self.floor.as_ref()?;
        Some(self.figure.amount.number() / floor.amount.number())
    }

    fn met(&self) -> Option<bool> {
        let amount = self.figure.amount;
        match self.aim.as_ref()? {
            Aim::Amount(aim) => Some(amount.meets(amount.number(), aim.number())),
            Aim::Ratio(aim) => Some(amount.meets(self.ratio()?, *aim)),
        }
    }

    fn aim_text(&self) -> Option<String> {
        let limit = match self.figure.amount {
            Amount::Rate(_) => "≥",
            Amount::Time(_) | Amount::Bytes(_) | Amount::Count(_) => "≤",
        };
        Some(match self.aim.as_ref()? {
            Aim::Amount(amount) => format!("{limit} {amount}"),
            Aim::Ratio(ratio) => format!("{limit} {ratio} ×"),
        })
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let met = self.met().map(|met| if met { "yes" } else { "no" });
        let cells = [
            Some(self.target.clone()),
            Some(self.figure.to_string()),
            self.floor.as_ref().map(ToString::to_string),
            self.ratio().map(|ratio| Short(ratio).to_string()),
            self.aim_text(),
            met.map(str::to_owned),
        ];
        let cells = cells.map(Option::unwrap_or_default);
        write!(f, "| {} |", cells.join(" | "))
    }
}

#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

impl Report {
    pub(crate) fn add(&mut self, row: Row) {
        eprintln!("  {row}");
        self.rows.push(row);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| target | figure | floor | ratio | aim | met |")?;
        writeln!(f, "|---|---|---|---|---|---|")?;
        self.rows.iter().try_for_each(|row| writeln!(f, "{row}"))
    }
}
