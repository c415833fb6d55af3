// Writes to the query of the address, without loading the page: {name: text, or null to remove it}.
window.writeQuery = (changes) => {
    const address = new URL(location.href);
    for (const [name, text] of Object.entries(changes)) {
        if (text === null) address.searchParams.delete(name);
        else address.searchParams.set(name, text);
    }
    history.replaceState(history.state, "", address.href.replaceAll("%2C", ","));
};
