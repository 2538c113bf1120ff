/** The bare Worker with one call to a Durable Object before each request: what asking shared state every time costs. */
import { DurableObject } from "cloudflare:workers";

type Env = { readonly UPSTREAM: string; readonly COUNTER: DurableObjectNamespace<Counter> };

export class Counter extends DurableObject {
  #count = 0;

  next(): number {
    return ++this.#count;
  }
}

export default {
  async fetch(request: Request, { UPSTREAM, COUNTER }: Env): Promise<Response> {
    await COUNTER.getByName("one").next();
    const { pathname, search } = new URL(request.url);
    return fetch(new Request(UPSTREAM + pathname + search, request));
  },
};
