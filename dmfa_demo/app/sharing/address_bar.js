// The page as a part of another, without what stands around it.
document.documentElement.classList.toggle("embed", new URL(location).searchParams.get("embed") === "1");

// What is to be seen goes into the address. props.value: {name: text, or null where it is to be taken out}.
function write() {
    const address = new URL(location);
    for (const [name, text] of Object.entries(props.value))
        text === null ? address.searchParams.delete(name) : address.searchParams.set(name, text);
    history.replaceState(history.state, "", address.href.replaceAll("%2C", ","));
}

// What a link says stays there until Python has read it; the page that it opens says it again by itself. Who follows no link may
// have begun by then.
let greeted = false;
watch("value", () => { if (props.value && greeted) write(); });
document.addEventListener("greeted", () => {
    greeted = true;
    const names = Object.keys(props.value ?? {}), said = new URL(location).searchParams;
    if (names.length && !names.some((name) => said.has(name))) write();
});
