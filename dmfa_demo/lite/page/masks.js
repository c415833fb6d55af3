// Masks: one byte per pixel, row by row, 1 where the pixel is hidden; and their forms in the manifest, the canvas and the address.

/** Decode base64 to bytes. */
export const fromBase64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** Return the number of hidden pixels. */
export const countHidden = (mask) => mask.reduce((sum, bit) => sum + bit, 0);

/** Decode base64 with eight pixels per byte, the first in the highest bit. */
export function fromBits(text, size) {
    const bytes = fromBase64(text);
    return Uint8Array.from({ length: size }, (_, i) => (bytes[i >> 3] >> (7 - (i & 7))) & 1);
}

/** Return the canvas's form, [start, length, start, length, ...]. */
export function toRuns(mask) {
    const runs = [];
    mask.forEach((hidden, i) => {
        if (!hidden) return;
        if (i && mask[i - 1]) runs[runs.length - 1]++;
        else runs.push(i, 1);
    });
    return runs;
}

/** Decode the canvas's form. */
export function fromRuns(runs, size) {
    const mask = new Uint8Array(size);
    for (let i = 0; i < runs.length; i += 2) mask.fill(1, runs[i], runs[i] + runs[i + 1]);
    return mask;
}

const pipe = async (bytes, stream) => new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer());

/** Encode a mask for an address: lengths of alternating runs, visible first, 7 bits per byte, deflated, in base64 (as mask_text.py). */
export async function toText(mask) {
    const packed = [];
    let kind = 0, length = 0;
    const flush = () => {
        for (; length > 0x7f; length >>= 7) packed.push((length & 0x7f) | 0x80);
        packed.push(length);
    };
    for (const hidden of mask) {
        if (hidden === kind) { length++; continue; }
        flush();
        kind = hidden; length = 1;
    }
    flush();
    const bytes = await pipe(Uint8Array.from(packed), new CompressionStream("deflate-raw"));
    return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Decode a mask from an address; return null if it is not one of `size` pixels. */
export async function fromText(text, size) {
    try {
        const packed = fromBase64(text.replaceAll("-", "+").replaceAll("_", "/"));
        const runs = await pipe(packed, new DecompressionStream("deflate-raw"));
        const mask = new Uint8Array(size);
        let at = 0, hidden = 0, length = 0, shift = 0;
        for (const byte of runs) {
            length += (byte & 0x7f) * 2 ** shift;
            shift += 7;
            if (byte & 0x80) continue;
            if (at + length > size) return null;
            if (hidden) mask.fill(1, at, at + length);
            at += length;
            hidden = 1 - hidden;
            length = shift = 0;
        }
        return at === size ? mask : null;
    } catch {
        return null;
    }
}

const AMBIGUOUS = "Save the mask white where pixels are hidden and black elsewhere.";

/**
 * Return the mask in a picture's pixels, four bytes each: of two shades the lighter one is hidden, whatever they are; white on transparent is
 * hidden; of another picture on transparent, the smaller part.
 * @returns {{mask: Uint8Array | null, problem: string}} no mask if the picture hides nothing or is ambiguous, and why.
 */
export function fromPixels(pixels) {
    const area = pixels.length / 4, of = (channel) => Array.from({ length: area }, (_, i) => pixels[4 * i + channel]);
    const alpha = of(3), value = Array.from({ length: area }, (_, i) => Math.max(pixels[4 * i], pixels[4 * i + 1], pixels[4 * i + 2]));
    const above = (values, middle) => Uint8Array.from(values, (one) => (one > middle ? 1 : 0)), problem = "";
    if (Math.min(...alpha) < 128) {
        const opaque = above(alpha, 127), share = countHidden(opaque) / area;
        if (!share) return { mask: null, problem: "This picture is transparent everywhere and hides nothing." };
        if (opaque.every((bit, i) => !bit || Math.min(pixels[4 * i], pixels[4 * i + 1], pixels[4 * i + 2]) > 223)) return { mask: opaque, problem };
        if (share === 0.5) return { mask: null, problem: `Either the opaque or the transparent part may be the hidden one. ${AMBIGUOUS}` };
        return { mask: share < 0.5 ? opaque : opaque.map((bit) => 1 - bit), problem };
    }
    const low = Math.min(...value), high = Math.max(...value), middle = (low + high) / 2;
    if (low > 223 && high - low < 16) return { mask: new Uint8Array(area).fill(1), problem };
    if (low === high) return { mask: null, problem: `This picture has a single shade and hides nothing. ${AMBIGUOUS}` };
    const unclear = value.filter((one) => Math.abs(one - middle) < (high - low) / 4).length / area;
    return unclear > 0.25 ? { mask: null, problem: `This picture does not have two clear shades. ${AMBIGUOUS}` } : { mask: above(value, middle), problem };
}
