/** The two streams: data on stdout, everything said about it on stderr. */
import pc from "picocolors";

export const print = (text: string): void =>
  void process.stdout.write(text === "" || text.endsWith("\n") ? text : `${text}\n`);
export const say = (text: string): void => void process.stderr.write(text.endsWith("\n") ? text : `${text}\n`);

export type Paint = ReturnType<typeof pc.createColors>;

/** Colour is for eyes only: never into a pipe, nor where NO_COLOR (no-color.org), `TERM=dumb` or `--no-color` forbid it. */
function wantsColour(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv, argv: readonly string[]): boolean {
  return stream.isTTY === true && !env["NO_COLOR"] && env["TERM"] !== "dumb" && !argv.includes("--no-color");
}

export const paint = (stream: NodeJS.WriteStream): Paint =>
  pc.createColors(wantsColour(stream, process.env, process.argv));

/**
 * Text of others (names, reasons, headers) for a terminal: control characters shown as `\x1b`, not obeyed.
 * A NACK's reason could otherwise move the cursor or set the title.
 */
export const printable = (text: string): string =>
  // oxlint-disable-next-line no-control-regex -- control characters are the subject
  text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16)}`;
  });

export const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? "" : "s"}`;
