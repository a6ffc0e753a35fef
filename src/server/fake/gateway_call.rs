//! What a fake's gateway made of a call.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::server::gateway::ModelCall;
use crate::template::UnfilledTag;
use crate::{EnvironmentName, PromptId, VersionId, VersionNumber};

/// What the gateway made of a call: the request that a model would have got, and the prompt in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GatewayCall {
    /// The id of the request, which the answer carries in `helicone-id`.
    pub request_id: String,
    /// The request that the model would have got.
    pub request: Value,
    /// The stored prompt that was merged into it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_id: Option<PromptId>,
    /// The version of the prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<VersionId>,
    /// The number of the version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<VersionNumber>,
    /// The environment that selected the version; `None` if its id did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvironmentName>,
    /// The inputs.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub inputs: Map<String, Value>,
    /// The tags that remain in the request, because they have no input.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unfilled: Vec<UnfilledTag>,
}

impl From<&ModelCall> for GatewayCall {
    fn from(call: &ModelCall) -> Self {
        let prompt = call.prompt.as_deref();
        let version = prompt.map(|prompt| &prompt.version);
        Self {
            request_id: call.id.clone(),
            request: Value::Object((*call.body).clone()),
            prompt_id: version.map(|version| version.prompt_id),
            version_id: version.map(|version| version.id),
            number: version.map(|version| version.number),
            environment: prompt.and_then(|prompt| prompt.environment.clone()),
            inputs: prompt.map_or_else(Map::new, |prompt| prompt.inputs.clone()),
            unfilled: prompt.map_or_else(Vec::new, |prompt| prompt.unfilled.clone()),
        }
    }
}
