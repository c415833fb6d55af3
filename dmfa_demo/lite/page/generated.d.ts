// Modules that the build writes or copies.
declare module "*/mask_painter.js" {
    export default function paint(element: HTMLElement, props: any, trigger: (name: string) => void, watch: (name: string, react: () => void) => void, panels: string[]): void;
}
declare module "*/photo_aligner.js" {
    export default function align(element: HTMLElement, props: any, trigger: (name: string) => void, watch: (name: string, react: () => void) => void): void;
}
declare module "*/walk_player.js" {
    export default function play(element: HTMLElement, props: any, trigger: (name: string) => void, watch: (name: string, react: () => void) => void): void;
}
declare module "*/look_closely.js" {
    export default function look(element: HTMLElement): void;
}
declare module "*/lesson_player.js" {
    export default function teach(element: HTMLElement, props: any, trigger: (name: string) => void, watch: (name: string, react: () => void) => void): void;
}
declare module "*/quiz.js" {
    export default function examine(element: HTMLElement, props: any): void;
}
declare module "*/ort.wasm.min.mjs";
