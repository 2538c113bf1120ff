import { createHash } from "node:crypto";
import type { Duplex } from "node:stream";

/** A WebSocket server of short frames that sends each text back, and answers a close with the same close (RFC 6455). */
export function acceptWebSocket(key: string, socket: Duplex): void {
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  let buffered = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    buffered = Buffer.concat([buffered, chunk]);
    // Client frames are masked: two bytes of head, four of mask, and a payload of less than 126 bytes.
    while (buffered.length >= 6 && buffered.length >= 6 + (buffered[1]! & 0x7f)) {
      const length = buffered[1]! & 0x7f;
      const mask = buffered.subarray(2, 6);
      const payload = Buffer.from(buffered.subarray(6, 6 + length).map((byte, index) => byte ^ mask[index % 4]!));
      socket.write(Buffer.concat([Buffer.from([buffered[0]!, length]), payload]));
      if ((buffered[0]! & 0x0f) === 8) socket.end();
      buffered = buffered.subarray(6 + length);
    }
  });
  socket.on("error", () => socket.destroy());
}
