// The page as a part of another, without what stands around it.
document.documentElement.classList.toggle("embed", new URL(location).searchParams.get("embed") === "1");

// What is to be seen goes into the address. props.value: {name: text, or null where it is to be taken out}.
watch("value", () => {
    if (!props.value) return;
    const address = new URL(location);
    for (const [name, text] of Object.entries(props.value))
        text === null ? address.searchParams.delete(name) : address.searchParams.set(name, text);
    history.replaceState(history.state, "", address.href.replaceAll("%2C", ","));
});
