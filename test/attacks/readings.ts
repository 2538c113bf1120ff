/**
 * The paths that backends could read in a target: escapes of slashes, backslashes and letters decoded, and dots and doubled slashes
 * taken away in either order. Written apart from the mesh's own canonical path, which it judges.
 */
export function readings(target: string): string[] {
  const path = target.replace(/^https?:\/\/[^/?#]*/i, "").replace(/[?#][^]*$/, "");
  const decoded = `/${path}`
    .replace(/%([\da-f]{2})/gi, (escape, digits: string) => {
      const character = String.fromCharCode(Number.parseInt(digits, 16));
      return /[\w.~/\\-]/.test(character) ? character : escape;
    })
    .replaceAll("\\", "/")
    .replace(/^\/\//, "/");
  return [withoutDots(decoded).replace(/\/+/g, "/"), withoutDots(decoded.replace(/\/+/g, "/"))];
}

function withoutDots(path: string): string {
  const kept: string[] = [];
  for (const segment of path.slice(1).split("/")) {
    if (segment === "..") kept.pop();
    else if (segment !== ".") kept.push(segment);
  }
  return `/${kept.join("/")}`;
}
