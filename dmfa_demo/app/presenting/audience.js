// The audience: follows the room whose code is in the address, ?room=CODE, or asks for a code, ?room=; and votes. It needs no value.
const follow = element.querySelector(".follow"), form = element.querySelector("form"), asked = element.querySelector(".asked");
const status = element.querySelector("p [role=status]"), options = element.querySelector(".options"), stop = element.querySelector("[data-act=leave]");
const RETRY_MS = [1000, 3000, 10000, 30000];

// A voter keeps its name in this tab, so that a reload does not give it a second vote.
function nameOf() {
    let name = null;
    try { name = sessionStorage.getItem("voter"); } catch { /* not allowed in this frame */ }
    name ??= [...crypto.getRandomValues(new Uint32Array(4))].join("-");
    try { sessionStorage.setItem("voter", name); } catch { /* as above */ }
    return name;
}
const voter = nameOf();

let following = null; // {code} of the room, one object for each time that it is joined, or null

// Styles of the page depend on it.
const mark = (on) => document.querySelector(".stage").classList.toggle("following", on);

function enter(message = "") {
    following = null;
    mark(false);
    follow.hidden = form.hidden = false;
    status.textContent = message;
    stop.textContent = "Close";
    offer(null);
}

function leave() {
    following = null;
    follow.hidden = true;
    mark(false);
    writeQuery({ room: null });
}

async function followRoom(code) {
    const mine = { code };
    let seen = null, failures = 0;
    following = mine;
    follow.hidden = false;
    form.hidden = true;
    stop.textContent = "Stop following";
    status.textContent = `Looking for room ${code}.`;
    while (following === mine) {
        try {
            const state = await askRoom("GET", `/${code}?after=${seen?.revision ?? -1}`);
            if (following !== mine) return;
            status.textContent = `This page follows room ${code}.`;
            mark(true);
            failures = 0;
            // What has not changed stays as the visitor has it, a vote or a part of the page that they look at.
            if (state.query !== seen?.query && state.query) {
                document.dispatchEvent(new CustomEvent("cover", { detail: new URLSearchParams(state.query).get("truth") }));
                document.dispatchEvent(new CustomEvent("go-to", { detail: state.query }));
            }
            if (state.question?.id !== seen?.question?.id) offer(state.question);
            seen = state;
        } catch (error) {
            if (following !== mine) return;
            if (error.status === 404) return enter(seen ? "The teacher has ended the room." : `There is no room ${code}. Look at the code again.`);
            status.textContent = `Room ${code}: ${error.message}. This page tries again.`;
            await new Promise((resolve) => { setTimeout(resolve, RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]); });
        }
    }
}

function offer(question) {
    asked.textContent = question?.text ?? "";
    const buttons = (question?.options ?? []).map((text, option) => {
        const button = Object.assign(document.createElement("button"), { type: "button", textContent: text });
        button.setAttribute("aria-pressed", "false");
        button.addEventListener("click", async () => {
            try {
                await askRoom("POST", `/${following.code}/vote`, { body: { voter, question: question.id, option } });
            } catch (error) {
                status.textContent = `Your vote was not counted: ${error.message}.`;
                return;
            }
            buttons.forEach((one) => { one.setAttribute("aria-pressed", String(one === button)); });
        });
        return button;
    });
    options.replaceChildren(...buttons);
}

stop.addEventListener("click", leave);
form.addEventListener("submit", (event) => {
    event.preventDefault();
    const code = form.elements.code.value.trim().toUpperCase();
    writeQuery({ room: code });
    followRoom(code);
});
document.addEventListener("click", (event) => {
    if (!event.target.closest?.("a[href='?room=']")) return;
    event.preventDefault();
    enter();
    form.elements.code.focus();
});
const code = new URL(location.href).searchParams.get("room");
if (code !== null)
    document.addEventListener("greeted", () => (/^\w{4,8}$/.test(code) ? followRoom(code.toUpperCase()) : enter()), { once: true });
