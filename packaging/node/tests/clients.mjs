// What the tests share.

export const PRODUCTION = "POST /v1/prompt-2025/query/production-version";
export const CHAT = "POST /v1/chat/completions";
export const GREETING = {
  prompts: [
    {
      id: "greet1",
      name: "greeting",
      versions: [
        {
          environments: ["production"],
          body: { model: "gpt-4o", messages: [{ role: "user", content: "Greet {{hc:name:string}}." }] },
        },
      ],
    },
  ],
};

/** Calls a route as a client does. */
export async function post(world, route, body) {
  const headers = { Authorization: `Bearer ${world.key}`, "Content-Type": "application/json" };
  const url = world.url + route.split(" ")[1];
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  return { status: response.status, json: await response.json() };
}

/** Asks for the version of a prompt in production. */
export function production(world, promptId = "greet1") {
  return post(world, PRODUCTION, { promptId });
}

/** Returns a model's answer to the greeting of a name. */
export async function chat(world, name) {
  const { json } = await post(world, CHAT, { prompt_id: "greet1", messages: [], inputs: { name } });
  return json.choices[0].message.content;
}
