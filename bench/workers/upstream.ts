/** The far end: as cheap as it can be. Answers some 200 bytes, or, at `?bytes=N`, so many in pieces of 64 KiB. */
const SMALL = JSON.stringify({ id: 8, items: Array.from({ length: 8 }, (_, id) => ({ id, price: 1299 })) });
const PIECE = new Uint8Array(65_536);

export default {
  fetch({ url }: Request): Response {
    const at = url.indexOf("?bytes=");
    if (at === -1) return new Response(SMALL, { headers: { "content-type": "application/json" } });
    let left = Number(url.slice(at + 7));
    const pieces = new ReadableStream({
      pull: (controller) => {
        const size = Math.min(left, PIECE.length);
        controller.enqueue(PIECE.slice(0, size));
        left -= size;
        if (left === 0) controller.close();
      },
    });
    return new Response(pieces);
  },
};
