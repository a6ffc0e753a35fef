export default { test: { include: ["suite.vitest.mjs"] } };
