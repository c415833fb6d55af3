// Presenting: a mode for the projector, and a room whose phones follow. props.value from Python: {scenes: [{title, see, ask, options, query}],
// chapters: [{title, see, ask, answer, query}], light: the address of the light page or "", header: the header of a room's key}. Notes are
// shown by another window, over a BroadcastChannel.
const root = document.documentElement, act = (name) => element.querySelector(`[data-act=${name}]`);
const bar = element.querySelector(".toolbar"), now = element.querySelector(".now"), said = element.querySelector(".said");
const [qr, votes, leaving] = ["code", "votes", "leave"].map((name) => element.querySelector(`dialog.${name}`));
const { scenes, chapters, light, header } = props.value;
const channel = new BroadcastChannel("presenter");
const COUNT_MS = 1500, RETRY_MS = 3000;
// Keys of the address that concern this window only, and all that say how the page is looked at, not what it shows.
const OWN = ["present", "room", "__theme"], VIEW = [...OWN, "truth", "embed"];

let scene = -1, started = null; // the last prepared scene, and when presenting began

const isPresenting = () => root.classList.contains("presenting");
const isCovered = () => root.dataset.truth === "covered";

// --- the mode ---

function present(on) {
    root.classList.toggle("presenting", on);
    bar.hidden = !on;
    started = on ? (started ?? Date.now()) : null;
    writeQuery({ present: on ? "1" : null });
    if (!on && document.fullscreenElement) document.exitFullscreen();
    dispatchEvent(new Event("resize")); // cards are laid out anew
    tell();
}

// A room that is open is not ended without asking.
function end() {
    if (!room) return present(false);
    leaving.querySelector("p").textContent = `Room ${room.code} is open. When you end it, phones no longer follow.`;
    leaving.showModal();
}

// --- scenes and, in Learn, chapters ---

const learning = () => document.querySelector("#tab-learn")?.offsetParent;
const chapter = () => [...document.querySelectorAll("#chapter input")].findIndex((one) => one.checked);

function without(names, query = location.search) {
    const others = new URLSearchParams(query);
    for (const name of names) others.delete(name);
    return others;
}

// What a query shows, in a form that can be compared.
function shown(query) {
    const names = without(VIEW, query);
    names.sort();
    return names;
}

const places = scenes.map(({ query }) => shown(query));

function locate() {
    const here = shown(location.search), found = places.findIndex((one) => one.toString() === here.toString());
    if (found >= 0) scene = found;
    tell();
}

// The last scene, while its picture and its tab are shown, perhaps with another hole.
function sceneHere() {
    const here = shown(location.search);
    return scene >= 0 && ["dataset", "sample", "tab"].every((name) => places[scene].get(name) === here.get(name)) ? scene : -1;
}

function go(list, at) {
    if (list === scenes) scene = at;
    document.dispatchEvent(new CustomEvent("go-to", { detail: list[at].query }));
}

// The next scene or, in Learn, the next chapter on its own picture.
function step(by) {
    const [list, at] = learning() ? [chapters, chapter()] : [scenes, scene];
    const next = Math.min(list.length - 1, Math.max(0, at + by));
    if (next !== at) go(list, next);
}

function tell() {
    if (!isPresenting()) return;
    const [list, at, last] = learning() ? [chapters, chapter(), chapter()] : [scenes, sceneHere(), scene];
    // While the truth is covered, titles of scenes do not tell what is hidden.
    for (const [number, one] of scenes.entries()) now.querySelector(`[value="Scenes ${number}"]`).text = isCovered() ? `Scene ${number + 1}` : one.title;
    now.value = at < 0 ? "" : `${list === scenes ? "Scenes" : "Chapters"} ${at}`;
    channel.postMessage({ notes: list[at] ?? null, next: list[last + 1]?.title ?? null, started });
}

now.append(new Option("Another picture", ""), ...[["Scenes", scenes], ["Chapters", chapters]].map(([label, all]) => {
    const group = Object.assign(document.createElement("optgroup"), { label });
    group.append(...all.map(({ title }, number) => new Option(title, `${label} ${number}`)));
    return group;
}));
now.addEventListener("change", () => {
    const [label, number] = now.value.split(" ");
    if (label) go(label === "Scenes" ? scenes : chapters, Number(number));
    now.blur(); // the keys of a clicker would choose in it
});
channel.addEventListener("message", ({ data }) => { if (data === "hello") tell(); });
document.addEventListener("address-written", () => { locate(); share(); });
document.addEventListener("truth", () => { tell(); share(); });

// --- QR code: this scene, on the light page where there is one, or the room ---

function addressHere() {
    const address = new URL(light || `${location.origin}${location.pathname}`);
    address.search = without(OWN);
    return address.href;
}

function showCode() {
    // A room's address carries no picture, so its code is coarse, and it can be typed.
    const address = room ? `${location.origin}${location.pathname}?room=${room.code}` : addressHere();
    const picture = qr.querySelector("img"), advice = qr.querySelector(".advice");
    advice.textContent = /^(localhost|127\.|\[::1\])/.test(new URL(address).hostname)
        ? "Phones cannot open this address. Start the page with GRADIO_SERVER_NAME=0.0.0.0 make run, and open it here by the name or number of this computer in the network."
        : "";
    picture.hidden = false;
    picture.onerror = () => {
        picture.hidden = true;
        advice.textContent = "This address is too long for a QR code. Open a room, whose address is short.";
    };
    picture.src = `${location.pathname.replace(/\/$/, "")}/qr?text=${encodeURIComponent(address)}`;
    picture.alt = `QR code of ${address}`;
    qr.querySelector(".where").textContent = room ? address.replace(/^https?:\/\//, "") : new URL(address).host;
    qr.showModal();
}

// --- leading a room ---

let room = null, question = null, shared = null, sharing = false, counting = null;

const say = (text) => { said.textContent = text; };

// A request by who leads the room.
const ask = (method, path, body) => askRoom(method, path, { body, headers: { [header]: room?.key ?? "" } });

async function openRoom() {
    if (room) return showCode();
    act("room").disabled = true;
    try {
        room = await ask("POST", "");
    } catch (error) {
        return say(`No room: ${error.message}.`);
    } finally {
        act("room").disabled = false;
    }
    leadRoom();
    showCode();
}

function leadRoom() {
    keep({ ...room, question });
    act("room").textContent = `Room ${room.code}`;
    act("vote").hidden = false;
    share();
}

// The room that this tab leads, and its question, survive a reload.
function keep(led) {
    try { sessionStorage.setItem("room", JSON.stringify(led)); } catch { /* no room, or not allowed in this frame */ }
}
function kept() {
    try { return JSON.parse(sessionStorage.getItem("room")); } catch { return null; }
}

// One state after the other, so that an older one never arrives last.
async function share() {
    while (room && !sharing) {
        const led = room, state = { query: without(OWN).toString(), question }, text = JSON.stringify(state);
        if (text === shared) return;
        sharing = true;
        try {
            await ask("POST", `/${led.code}`, state);
            if (room !== led) continue; // another one by now
            shared = text;
            say("");
        } catch (error) {
            if (room !== led) continue;
            if (error.status === 404) {
                forgetRoom();
                say("The room was closed, since the server has restarted. Open another one.");
                return;
            }
            say(`The room does not follow: ${error.message}.`);
            if (error.status < 500) return; // until something changes
            await new Promise((resolve) => { setTimeout(resolve, RETRY_MS); });
        } finally {
            sharing = false;
        }
    }
}

function closeRoom() {
    if (!room) return; // lost meanwhile
    ask("DELETE", `/${room.code}`).catch(() => {});
    forgetRoom();
    say("");
}

function forgetRoom() {
    closeVote();
    room = shared = null;
    keep(null);
    act("room").textContent = "Open a room";
    act("vote").hidden = true;
}

// --- votes: the question of the chapter or of the scene ---

function questionHere() {
    const options = [...document.querySelectorAll("#lesson [data-part=options] button")].map((one) => one.textContent);
    if (learning() && options.length) return { text: document.querySelector("#lesson [data-part=question]").textContent, options };
    const { ask: text, options: answers } = scenes[sceneHere()] ?? { ask: "What do you think?", options: ["A", "B", "C", "D"] };
    return { text, options: answers };
}

// Escape hides the votes, and the vote goes on.
function openVote() {
    if (!question) {
        question = questionHere();
        keep({ ...room, question });
        layVote();
        share();
    }
    votes.showModal();
}

function layVote() {
    votes.querySelector("h2").textContent = question.text;
    votes.querySelector("ol").replaceChildren(...question.options.map((text) => {
        const item = document.createElement("li"), row = document.createElement("i");
        item.append(text, row);
        row.hidden = true;
        return item;
    }));
    votes.querySelector("[role=status]").textContent = "0 votes";
    act("bars").setAttribute("aria-pressed", "false");
    act("vote").textContent = "Votes";
    counting = setInterval(count, COUNT_MS);
}

async function count() {
    const found = await ask("GET", `/${room.code}`).catch(() => null);
    if (found?.question?.text !== question?.text || !question) return; // not asked yet, or another one by now
    const all = found.votes.reduce((sum, one) => sum + one, 0), shownBars = act("bars").getAttribute("aria-pressed") === "true";
    votes.querySelector("[role=status]").textContent = `${all} ${all === 1 ? "vote" : "votes"}`;
    for (const [number, item] of [...votes.querySelectorAll("li")].entries()) {
        const share = all ? found.votes[number] / all : 0, row = item.querySelector("i");
        row.hidden = !shownBars;
        row.style.width = `${100 * share}%`;
        row.title = `${found.votes[number]} of ${all}`;
        item.setAttribute("aria-label", shownBars ? `${item.firstChild.textContent}: ${found.votes[number]} of ${all}` : item.firstChild.textContent);
    }
}

function closeVote() {
    clearInterval(counting);
    question = null;
    act("vote").textContent = "Ask for votes";
    votes.close();
    if (room) keep({ ...room, question });
    share();
}

// --- buttons and keys ---

const acts = {
    previous: () => step(-1), next: () => step(1), qr: showCode, room: openRoom, vote: openVote,
    notes: () => open(`${location.pathname}?notes=1`, "notes", "width=720,height=560"),
    full: () => (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen()),
    end, leave: () => { leaving.close(); closeRoom(); present(false); }, stay: () => leaving.close(),
    close: () => qr.close(), finish: closeVote,
    bars: () => { act("bars").setAttribute("aria-pressed", String(act("bars").getAttribute("aria-pressed") !== "true")); count(); },
};
for (const button of element.querySelectorAll("[data-act]")) button.addEventListener("click", () => acts[button.dataset.act]());
document.addEventListener("keydown", (event) => {
    if (keys.isModified(event) || event.repeat || keys.isTyping(event)) return;
    const turning = { PageUp: -1, PageDown: 1 }[event.key], free = !document.querySelector("dialog[open]");
    if (keys.letterOf(event) === "p" && free) {
        if (isPresenting()) end();
        else { present(true); root.requestFullscreen?.().catch(() => {}); }
    } else if (turning && isPresenting()) {
        if (free) step(turning); // behind a dialog the page does not scroll either
    } else return;
    event.preventDefault();
});
if (new URL(location.href).searchParams.get("present") === "1") {
    present(true);
    const { question: asked = null, ...led } = kept() ?? {};
    if (led.code) {
        room = led;
        question = asked;
        if (question) layVote();
        leadRoom();
    }
}
document.addEventListener("greeted", locate, { once: true });
