// Sends a request about a room, see rooms.py, and returns the answer; throws an Error with the server's words, and its `status` if it answered.
window.askRoom = async (method, path, { body = {}, headers = {} } = {}) => {
    const options = { method, headers: { "Content-Type": "application/json", ...headers } };
    if (method === "POST") options.body = JSON.stringify(body);
    const response = await fetch(`${location.pathname.replace(/\/$/, "")}/rooms${path}`, options).catch(() => { throw new Error("the server is not reachable"); });
    const found = await response.json().catch(() => ({ error: "the server does not answer" }));
    if (!response.ok) throw Object.assign(new Error(found.error), { status: response.status });
    return found;
};
