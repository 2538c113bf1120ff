/** Methods that fetch sends on, TRACE apart: it would show a caller what the mesh adds for the upstream alone. */
export const CARRIED_METHODS: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "OPTIONS",
]);
