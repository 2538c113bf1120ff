/** What every edge is compared with: the least that passes a request on. */
type Env = { readonly UPSTREAM: string };

export default {
  fetch(request: Request, { UPSTREAM }: Env): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    return fetch(new Request(UPSTREAM + pathname + search, request));
  },
};
