//! Generations of Helicone's AI Gateway.

/// A generation of Helicone's AI Gateway, which differ in what they do with a prompt request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GatewayGeneration {
    /// Requires a model in each request, fills no partials, and refuses prompts in requests of the
    /// Responses API.
    Older,
    /// Uses the stored version's model if the request has none, fills partials, and merges prompts
    /// into requests of the Responses API too.
    #[default]
    Newer,
}
