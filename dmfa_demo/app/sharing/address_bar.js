// The page embedded in another, without header and footer.
document.documentElement.classList.toggle("embed", new URL(location).searchParams.get("embed") === "1");

// Writes the state of the page to the address. props.value: {name: text, or null to remove it}.
function write() {
    if ("go" in props.value) return;
    writeQuery(props.value);
    document.dispatchEvent(new Event("address-written"));
}

// The keys of a link stay until Python has read them; the page then writes them itself. Without a link the visitor may have
// begun by then.
let greeted = false;
watch("value", () => { if (props.value && greeted) write(); });
document.addEventListener("greeted", () => {
    greeted = true;
    const names = Object.keys(props.value ?? {}), said = new URL(location).searchParams;
    if (names.length && !names.some((name) => said.has(name))) write();
});

// Goes to another address without loading the page again; `detail` is its query.
document.addEventListener("go-to", (event) => {
    event.preventDefault(); // the link that was clicked is not needed
    props.value = { go: event.detail };
    trigger("input");
});
