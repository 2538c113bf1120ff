import { Denied, type MakeLayer } from "../layer.ts";

/** The rule asks for what this runtime cannot do. Leaving that out would let through what it was to keep out. */
export const refuse: MakeLayer<"refuse"> = () => () => () => Promise.reject(new Denied({ cause: "not-carried" }));
