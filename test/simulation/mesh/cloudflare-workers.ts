/** In the place of the runtime's own `cloudflare:workers`. */
export class DurableObject {
  protected readonly ctx: unknown;
  protected readonly env: unknown;
  constructor(ctx: unknown, env: unknown) {
    this.ctx = ctx;
    this.env = env;
  }
}
