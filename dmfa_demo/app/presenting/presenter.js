// Presenting: a mode for the projector, and a room whose phones follow. props.value from Python: {scenes: [{title, see, ask, options}], chapters:
// [{title, see, ask, answer}], light: the address of the light page or ""}. Notes are shown by another window, over a BroadcastChannel.
const root = document.documentElement, query = new URL(location.href).searchParams;
const bar = element.querySelector(".bar"), now = element.querySelector(".now"), act = (name) => element.querySelector(`[data-act=${name}]`);
const qr = element.querySelector("dialog.code"), votes = element.querySelector("dialog.votes"), follow = element.querySelector(".follow");
const { scenes, chapters, light } = props.value;
const channel = new BroadcastChannel("presenter");
const FIELD = "textarea, select, [contenteditable], input:not([type=range], [type=radio], [type=checkbox])";
const SHARE_MS = 300, COUNT_MS = 1500, RETRY_MS = 3000;

let scene = -1, started = null; // the prepared scene, and when presenting began

// --- the mode ---

function present(on) {
    root.classList.toggle("presenting", on);
    bar.hidden = !on;
    started = on ? (started ?? Date.now()) : null;
    const address = new URL(location.href);
    if (on) address.searchParams.set("present", "1");
    else address.searchParams.delete("present");
    history.replaceState(history.state, "", address.href.replaceAll("%2C", ","));
    if (!on && document.fullscreenElement) document.exitFullscreen();
    dispatchEvent(new Event("resize")); // cards are laid out anew
    tell();
}

const learning = () => document.querySelector("#tab-learn")?.offsetParent;
const chapter = () => [...document.querySelectorAll("#chapter input")].findIndex((one) => one.checked);

// The next scene or, in Learn, the next chapter.
function step(by) {
    if (learning()) document.querySelectorAll("#chapter input")[chapter() + by]?.click();
    else {
        const next = Math.min(scenes.length - 1, Math.max(0, scene + by));
        if (next === scene) return;
        scene = next;
        document.querySelectorAll("#examples button")[scene].click();
    }
    setTimeout(tell, 50);
}

function tell() {
    const notes = learning() ? chapters[chapter()] : scenes[scene], after = learning() ? chapters[chapter() + 1] : scenes[scene + 1];
    now.textContent = room ? `${notes?.title ?? ""} · room ${room.code}` : (notes?.title ?? "");
    channel.postMessage({ notes: notes ?? null, next: after?.title ?? null, started });
}
channel.addEventListener("message", ({ data }) => { if (data === "hello" && started) tell(); });
document.querySelector("#chapter")?.addEventListener("change", () => setTimeout(tell, 50));

// --- QR code: this scene, on the light page where there is one ---

function addressFor(more = {}) {
    const here = new URL(location.href);
    const address = new URL(light && !more.room ? light : `${here.origin}${here.pathname}`);
    for (const [name, value] of here.searchParams) if (!["present", "room", "__theme"].includes(name)) address.searchParams.set(name, value);
    for (const [name, value] of Object.entries(more)) address.searchParams.set(name, value);
    return address.href;
}

function showCode() {
    const address = room ? addressFor({ room: room.code }) : addressFor();
    // A room's address carries its picture itself, so that the code stays coarse.
    const short = room ? `${location.origin}${location.pathname}?room=${room.code}` : address;
    const picture = qr.querySelector("img");
    picture.src = `${location.pathname.replace(/\/$/, "")}/qr?text=${encodeURIComponent(short)}`;
    picture.alt = `QR code of ${short}`;
    qr.querySelector("p").textContent = room ? `${location.host} · room ${room.code}` : new URL(short).host;
    qr.showModal();
}

// --- leading a room ---

let room = null, question = null, shared = null, sharing = null, counting = null;
const base = `${location.pathname.replace(/\/$/, "")}/rooms`;

async function ask(method, path, body) {
    const options = body ? { method, body: JSON.stringify(body), headers: { "Content-Type": "application/json" } } : { method };
    const response = await fetch(base + path, options);
    const found = await response.json().catch(() => ({ error: "the server is not reachable" }));
    if (!response.ok) throw new Error(found.error);
    return found;
}

async function openRoom() {
    if (room) return showCode();
    try {
        room = await ask("POST", "");
    } catch (error) {
        now.textContent = `No room: ${error.message}.`;
        return;
    }
    keep("room", room);
    leadRoom();
    showCode();
}

function leadRoom() {
    act("room").textContent = `Room ${room.code}`;
    act("vote").hidden = false;
    sharing = setInterval(share, SHARE_MS);
    share();
    tell();
}

// What survives a reload of this tab: the room that it leads, and its name as a voter.
function keep(name, value) {
    try { sessionStorage.setItem(name, JSON.stringify(value)); } catch { /* no room, or not allowed in this frame */ }
}
function kept(name) {
    try { return JSON.parse(sessionStorage.getItem(name)); } catch { return null; }
}

async function share() {
    const address = new URL(addressFor({ room: room.code }));
    address.searchParams.delete("room");
    const state = JSON.stringify({ query: address.searchParams.toString(), question });
    if (state === shared) return;
    shared = state;
    try {
        await ask("POST", `/${room.code}`, { key: room.key, ...JSON.parse(state) });
    } catch (error) {
        shared = null; // tried again
        if (!room) return;
        now.textContent = `The room does not follow: ${error.message}.`;
    }
}

function closeRoom() {
    if (!room) return;
    clearInterval(sharing);
    ask("DELETE", `/${room.code}`, { key: room.key }).catch(() => {});
    room = question = shared = null;
    keep("room", null);
    act("room").textContent = "Open a room";
    act("vote").hidden = true;
}

// --- votes: the question of the chapter, or what the scene asks with letters ---

function openVote() {
    const options = [...document.querySelectorAll("#lesson [data-part=options] button")].map((one) => one.textContent);
    const { ask: words, options: answers } = scenes[scene] ?? { ask: "What do you think?", options: ["A", "B", "C", "D"] };
    question = learning() && options.length ? { text: document.querySelector("#lesson [data-part=question]").textContent, options } : { text: words, options: answers };
    votes.querySelector("h2").textContent = question.text;
    votes.querySelector("ol").replaceChildren(...question.options.map((text) => {
        const item = document.createElement("li"), row = document.createElement("i");
        item.append(text, row);
        row.hidden = true;
        return item;
    }));
    act("bars").setAttribute("aria-pressed", "false");
    share();
    counting = setInterval(count, COUNT_MS);
    count();
    votes.showModal();
}

async function count() {
    const { votes: counts } = await ask("GET", `/${room.code}?key=${encodeURIComponent(room.key)}`).catch(() => ({ votes: null }));
    if (!counts?.length) return;
    const all = counts.reduce((sum, one) => sum + one, 0), shown = act("bars").getAttribute("aria-pressed") === "true";
    votes.querySelector("[role=status]").textContent = `${all} ${all === 1 ? "vote" : "votes"}`;
    for (const [number, item] of [...votes.querySelectorAll("li")].entries()) {
        const share = all ? counts[number] / all : 0, row = item.querySelector("i");
        row.hidden = !shown;
        row.style.width = `${100 * share}%`;
        row.title = `${counts[number]} of ${all}`;
        item.setAttribute("aria-label", shown ? `${item.firstChild.textContent}: ${counts[number]} of ${all}` : item.firstChild.textContent);
    }
}

function closeVote() {
    clearInterval(counting);
    question = null;
    votes.close();
    if (room) share();
}
votes.addEventListener("cancel", closeVote);

// --- following a room ---

const voter = kept("voter") ?? [...crypto.getRandomValues(new Uint32Array(4))].join("-");
keep("voter", voter);

async function followRoom(code) {
    const said = follow.querySelector("[role=status]");
    let revision = -1, following = true, first = true;
    follow.hidden = false;
    said.textContent = `This page follows room ${code}.`;
    act("leave").onclick = () => { following = false; follow.hidden = true; const address = new URL(location.href); address.searchParams.delete("room"); history.replaceState(history.state, "", address); };
    while (following) {
        try {
            const state = await ask("GET", `/${code}?after=${revision}`);
            said.textContent = `This page follows room ${code}.`;
            if (!following || state.revision === revision) continue;
            revision = state.revision;
            document.dispatchEvent(new Event(new URLSearchParams(state.query).get("truth") === "covered" ? "cover-truth" : "reveal-truth"));
            if (state.query || !first) document.dispatchEvent(new CustomEvent("go-to", { detail: state.query }));
            first = false;
            offer(code, state.question);
        } catch (error) {
            said.textContent = `Room ${code}: ${error.message}.`;
            await new Promise((resolve) => { setTimeout(resolve, RETRY_MS); });
        }
    }
}

function offer(code, asked) {
    follow.querySelector(".asked").textContent = asked?.text ?? "";
    const buttons = (asked?.options ?? []).map((text, option) => {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = text;
        button.setAttribute("aria-pressed", "false");
        button.addEventListener("click", async () => {
            await ask("POST", `/${code}/vote`, { voter, option }).catch((error) => { follow.querySelector("[role=status]").textContent = error.message; });
            buttons.forEach((one) => { one.setAttribute("aria-pressed", String(one === button)); });
        });
        return button;
    });
    follow.querySelector(".options").replaceChildren(...buttons);
}

// --- buttons and keys ---

const acts = {
    previous: () => step(-1), next: () => step(1), qr: showCode, room: openRoom, vote: openVote,
    notes: () => open(`${location.pathname}?notes=1`, "notes", "width=720,height=560"),
    full: () => (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen()),
    end: () => { closeRoom(); present(false); },
    close: () => qr.close(), finish: closeVote,
    bars: () => { act("bars").setAttribute("aria-pressed", String(act("bars").getAttribute("aria-pressed") !== "true")); count(); },
};
for (const button of element.querySelectorAll("[data-act]")) button.addEventListener("click", () => acts[button.dataset.act]?.());
document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.target.closest?.(FIELD) || document.querySelector("dialog[open]")) return;
    const presenting = root.classList.contains("presenting");
    if ((event.key ?? "").toLowerCase() === "p") {
        if (presenting) acts.end();
        else { present(true); root.requestFullscreen?.().catch(() => {}); }
    } else if (presenting && (event.key === "PageDown" || event.key === "PageUp")) step(event.key === "PageDown" ? 1 : -1);
    else return;
    event.preventDefault();
});
if (query.get("present") === "1") {
    present(true);
    room = kept("room");
    if (room) leadRoom();
}
if (/^\w{4,8}$/.test(query.get("room") ?? "")) document.addEventListener("greeted", () => followRoom(query.get("room").toUpperCase()), { once: true });
