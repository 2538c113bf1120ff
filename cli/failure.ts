/** How a command ends other than well: what to say, and with which code. Codes are istioctl's own numbers. */
export const EXIT = {
  ok: 0,
  /** Control is unreachable or refused; an edge did not follow; a check failed. */
  failed: 1,
  /** The command line itself is wrong. */
  usage: 64,
  /** Input that cannot be read as resources. */
  unparsable: 65,
  /** `analyze` found issues at or above its threshold. */
  issues: 79,
} as const;

/** Thrown anywhere in a command; main.ts alone prints it: `details` first, one a line, then `error: message`. */
export class Failure extends Error {
  readonly exitCode: number;
  readonly details: readonly string[];

  constructor(message: string, exitCode: number = EXIT.failed, details: readonly string[] = []) {
    super(message);
    this.exitCode = exitCode;
    this.details = details;
  }
}

export const usage = (message: string): Failure => new Failure(message, EXIT.usage);
