//! A store with an example of everything, and a valid request for each of the 23 routes.

use promptbook::server::{ServerOptions, StatusMode};
use promptbook::{
    Bump, BumpPolicy, EnvironmentName, NewPrompt, NewVersion, PromptId, Store, StoreOptions,
    VersionId,
};
use serde_json::{Value, json};

use super::client::Served;

/// The body of the first version.
pub const BODY: &str =
    r#"{"model": "gpt-4o",  "messages": [{"role": "user", "content": "Hi {{hc:name:string}}"}]}"#;

/// Two prompts. The first has 1.0 in production with recorded inputs, and 1.1 in staging.
pub struct Scene {
    pub served: Served,
    pub prompt: PromptId,
    pub first: VersionId,
    pub second: VersionId,
    pub other: PromptId,
    pub foreign: VersionId,
}

impl Scene {
    pub fn new(status: StatusMode) -> Self {
        Self::served(&ServerOptions::new().status(status))
    }

    pub fn served(options: &ServerOptions) -> Self {
        let store = StoreOptions::new().policy(BumpPolicy::Free).in_memory();
        Self::of(store.unwrap(), options)
    }

    pub fn of(store: Store, options: &ServerOptions) -> Self {
        let new = NewPrompt::new("greeting", BODY).tag("a").tag("b");
        let created = store.create_prompt(new).unwrap();
        let (prompt, first) = (created.prompt.id, created.version.id);
        let new = NewVersion::new(prompt, BODY.replace("Hi", "Hello"));
        let second = store.commit(new.bump(Bump::Minor)).unwrap().id;
        let staging: EnvironmentName = "staging".parse().unwrap();
        let set = store.set_environment(prompt, staging, second);
        set.unwrap();
        let recorded = store.record_inputs(first, "request-1", [("name", "Ada")], None);
        recorded.unwrap();
        let other = store.create_prompt(NewPrompt::new("other", BODY));
        let other = other.unwrap();
        Self {
            served: Served::of(store, options),
            prompt,
            first,
            second,
            other: other.prompt.id,
            foreign: other.version.id,
        }
    }

    /// Returns a valid request for each route, in the order of the live service's description.
    pub fn requests(&self) -> Vec<Request> {
        let (prompt, first, second) = (self.prompt, self.first, self.second);
        let of_version = || json!({"promptVersionId": first});
        let of_environment = || json!({"promptId": prompt, "environment": "staging"});
        let of_prompt = || json!({"promptId": prompt});
        let moved = json!({"promptId": prompt, "promptVersionId": first, "environment": "staging"});
        let moved_back =
            json!({"promptId": prompt, "promptVersionId": second, "environment": "staging"});
        let new = json!({"name": "new", "tags": ["a"], "promptBody": {"model": "m"}});
        let update = json!({
            "promptId": prompt, "promptVersionId": first, "newMajorVersion": true, "commitMessage": "more",
            "promptBody": {"model": "m"}, "environment": "staging",
        });
        let query = json!({"search": "greet", "tagsFilter": ["a"], "page": 0, "pageSize": 10});
        let list = json!({"promptId": prompt, "majorVersion": 1, "limit": 5, "before": second});
        vec![
            self.request("GET", "/v1/prompt-2025/id/{promptId}", None),
            self.request(
                "POST",
                "/v1/prompt-2025/id/{promptId}/rename",
                Some(json!({"name": "renamed"})),
            ),
            self.request(
                "PATCH",
                "/v1/prompt-2025/id/{promptId}/tags",
                Some(json!({"tags": ["c"]})),
            ),
            self.request("DELETE", "/v1/prompt-2025/{promptId}", None),
            self.request("DELETE", "/v1/prompt-2025/{promptId}/{versionId}", None),
            self.request(
                "GET",
                "/v1/prompt-2025/id/{promptId}/{versionId}/inputs",
                None,
            ),
            self.request("GET", "/v1/prompt-2025/tags", None),
            self.request("GET", "/v1/prompt-2025/environments", None),
            self.request("POST", "/v1/prompt-2025", Some(new)),
            self.request("POST", "/v1/prompt-2025/update", Some(update)),
            self.request("POST", "/v1/prompt-2025/update/environment", Some(moved)),
            self.request(
                "POST",
                "/v1/prompt-2025/remove/environment",
                Some(moved_back),
            ),
            self.request("GET", "/v1/prompt-2025/count", None),
            self.request("POST", "/v1/prompt-2025/query", Some(query)),
            self.request("POST", "/v1/prompt-2025/query/version", Some(of_version())),
            self.request(
                "POST",
                "/v1/prompt-2025/query/environment-version",
                Some(of_environment()),
            ),
            self.request("POST", "/v1/prompt-2025/query/versions", Some(list)),
            self.request(
                "POST",
                "/v1/prompt-2025/query/production-version",
                Some(of_prompt()),
            ),
            self.request(
                "POST",
                "/v1/prompt-2025/query/total-versions",
                Some(of_prompt()),
            ),
            self.request("GET", "/v1/prompt-2025/{promptVersionId}/prompt-body", None),
            self.request("POST", "/v2/prompt-2025/query/version", Some(of_version())),
            self.request(
                "POST",
                "/v2/prompt-2025/query/environment-version",
                Some(of_environment()),
            ),
            self.request(
                "POST",
                "/v2/prompt-2025/query/production-version",
                Some(of_prompt()),
            ),
        ]
    }

    fn request(
        &self,
        method: &'static str,
        template: &'static str,
        body: Option<Value>,
    ) -> Request {
        let mut path = template
            .replace("{promptId}", self.prompt.as_str())
            .replace("{versionId}", &self.first.to_string())
            .replace("{promptVersionId}", &self.first.to_string());
        if template.ends_with("/inputs") {
            path.push_str("?requestId=request-1");
        }
        Request {
            method,
            template,
            path,
            body,
        }
    }
}

/// A valid request.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: &'static str,
    /// The path as in the live service's description.
    pub template: &'static str,
    pub path: String,
    pub body: Option<Value>,
}

#[test]
fn each_request_of_the_scene_is_answered() {
    // Each request gets a new scene, because some delete what others need.
    for at in 0..23 {
        let scene = Scene::new(StatusMode::Plain);
        let requests = scene.requests();
        assert_eq!(requests.len(), 23);
        let Request {
            method, path, body, ..
        } = requests[at].clone();
        let answer = scene
            .served
            .send(method, &path, body.map(|body| body.to_string()));
        answer.data();
    }
}
