/** Asks for a control token, and hands it to control's session at once: the page keeps nothing of it. */
import { useState } from "preact/hooks";
import { ask } from "./api.ts";

/** `refused`: the link that led here was no good. */
export function SignIn({ refused, done }: { refused: boolean; done: () => void }) {
  const [error, setError] = useState(
    refused ? "This link was used already, or is older than a minute: selvedge dashboard makes a new one." : undefined,
  );
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    try {
      await ask("POST", "/session", { token: (new FormData(form).get("token") as string).trim() });
      form.reset();
      done();
    } catch (thrown) {
      setError(
        (thrown as { status?: number }).status === 401
          ? "Control does not know this token."
          : (thrown as Error).message,
      );
    }
  };
  return (
    <main class="sign-in">
      <form class="card" onSubmit={(event) => void submit(event)}>
        <img src="/icon.svg" width="44" height="44" alt="" />
        <h1>Selvedge</h1>
        <p class="sub">Sign in with a control token.</p>
        <input
          name="token"
          type="password"
          autocomplete="current-password"
          aria-label="Control token"
          placeholder="Control token"
          required
          autoFocus
        />
        {error && <p class="trouble">{error}</p>}
        <button type="submit" class="primary">
          Sign in
        </button>
        <p class="note">
          <code>npx selvedge dashboard</code> signs in by itself. For a mesh that <code>npm start</code> runs, the token
          is in <code>.selvedge/token</code>. It is kept for a day in a cookie that no script can read.
        </p>
      </form>
    </main>
  );
}
