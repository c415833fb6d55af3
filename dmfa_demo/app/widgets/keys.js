// How the page reads keys: window.keys.
window.keys = {
    // The letter of a key. In layouts without Latin letters it is determined by the key's position; browsers that fill in forms
    // send events without a key.
    letterOf({ key = "", code = "" }) {
        if (key.length > 1 || /^[ -~]$/.test(key)) return key.toLowerCase();
        if (code.startsWith("Key")) return code.slice(3).toLowerCase();
        return { BracketLeft: "[", BracketRight: "]" }[code] ?? key;
    },

    // Whether a field takes the letters of an event itself.
    isTyping({ target }) {
        return Boolean(target.closest?.("textarea, select, [contenteditable], input:not([type=range], [type=radio], [type=checkbox], [type=button], [type=color], [readonly])"));
    },

    isModified: ({ ctrlKey, metaKey, altKey }) => ctrlKey || metaKey || altKey,
};
