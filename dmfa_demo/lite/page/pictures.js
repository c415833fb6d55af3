// Draws arrays of pixels on canvases. Images are Float32Array in [0, 1], channel by channel; shape is [C, H, W].

/** Draw what `colour(i)` returns, [red, green, blue, alpha] of 255, for each pixel i, on a canvas of the image's size. */
function paint(canvas, [, height, width], colour) {
    if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
    const pen = canvas.getContext("2d"), sheet = pen.createImageData(width, height);
    for (let i = 0; i < width * height; i++) sheet.data.set(colour(i), 4 * i);
    pen.putImageData(sheet, 0, 0);
}

/** Remove a picture from a canvas. */
export const erase = (canvas) => canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);

/** Draw an image. */
export function drawImage(canvas, image, shape) {
    const size = shape[1] * shape[2], of = (i, channel) => Math.round(255 * image[(shape[0] === 3 ? channel : 0) * size + i]);
    paint(canvas, shape, (i) => [of(i, 0), of(i, 1), of(i, 2), 255]);
}

/** Draw an image with its hidden pixels as a fine check. */
export function drawHole(canvas, image, mask, shape) {
    drawImage(canvas, image, shape);
    const pen = canvas.getContext("2d");
    mask.forEach((hidden, i) => {
        if (!hidden) return;
        const x = i % shape[2], y = Math.floor(i / shape[2]);
        pen.fillStyle = (x + y) % 2 ? "#969696" : "#767676";
        pen.fillRect(x, y, 1, 1);
    });
}

/** Draw values, averaged over channels, by a colour map from `low` to `high`: 256 colours as #rrggbbaa. */
export function drawMap(canvas, values, shape, low, high, colours) {
    const size = shape[1] * shape[2];
    paint(canvas, shape, (i) => {
        let sum = 0;
        for (let channel = 0; channel < shape[0]; channel++) sum += values[channel * size + i];
        const share = (sum / shape[0] - low) / (high - low), text = colours[Math.round(255 * Math.min(1, Math.max(0, share)))];
        return [1, 3, 5, 7].map((at) => Number.parseInt(text.slice(at, at + 2), 16));
    });
}

/** Return the pixels of a drawable as an image of a shape. */
export function readPixels(source, [channels, height, width], left = 0, top = 0) {
    const canvas = document.createElement("canvas");
    canvas.width = width; canvas.height = height;
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    pen.drawImage(source, left, top, width, height, 0, 0, width, height);
    const { data } = pen.getImageData(0, 0, width, height), image = new Float32Array(channels * height * width);
    for (let channel = 0; channel < channels; channel++)
        for (let i = 0; i < height * width; i++) image[channel * height * width + i] = data[4 * i + channel] / 255;
    return image;
}

/** Return the address of an image as a PNG. */
export function addressOf(image, shape) {
    const canvas = document.createElement("canvas");
    drawImage(canvas, image, shape);
    return canvas.toDataURL("image/png");
}

/** Return the address of a sheet with images one below the other, as a PNG. */
export function sheetOf(images, [channels, height, width]) {
    const size = height * width, sheet = new Float32Array(channels * size * images.length);
    images.forEach((image, row) => {
        for (let channel = 0; channel < channels; channel++)
            sheet.set(image.subarray(channel * size, (channel + 1) * size), (channel * images.length + row) * size);
    });
    return addressOf(sheet, [channels, height * images.length, width]);
}

/** Load a picture from an address. */
export function loadPicture(address) {
    return new Promise((resolve, reject) => {
        const picture = new Image();
        picture.onload = () => resolve(picture);
        picture.onerror = () => reject(new Error(`${address.slice(0, 40)} is not a picture`));
        picture.src = address;
    });
}

/** Load a picture from an address as an image of a shape. */
export const pixelsOf = async (address, shape) => readPixels(await loadPicture(address), shape);
