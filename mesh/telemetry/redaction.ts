/** Credentials are kept out of what is written down: by the names of headers and query parameters, and by how a value looks. */

const REDACTED = "REDACTED";
/** What is written down of one value, in characters. */
const MOST_CHARACTERS = 1024;

const WORDS = new Set(
  `token key secret password passwd pwd passphrase auth authorization credential credentials cookie cookies session sid signature sig jwt
   bearer assertion csrf xsrf ticket otp code apikey accesskey privatekey`.split(/\s+/),
);
/** Where words are written as one. */
const ENDINGS = /(?:token|secret|password|signature|apikey|accesskey|sessionid|sessid)$/i;
/** Of names as people write them: `api_key`, `x-api-key`, `apiKey`. */
const BETWEEN_WORDS = /[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])/;

/** Whether what is called so is a credential; `further` are names in lower case that are taken for such. */
export const namesCredential = (name: string, further: ReadonlySet<string>): boolean =>
  further.has(name.toLowerCase()) ||
  ENDINGS.test(name) ||
  name.split(BETWEEN_WORDS).some((word) => WORDS.has(word.toLowerCase()));

/** A JSON Web Token, or what stands behind a scheme of Authorization. */
const CREDENTIAL = /\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)*|\b(?:Bearer|Basic|Digest|Negotiate)\s+[\w+/=.~-]{4,}/gi;
/** Of a URL. */
const USER = /(:\/\/)[^/?#@\s]*@/g;

/** A path, or a value of a header that is no credential by its name. A URL in it has its own query looked through. */
export function redactedText(text: string, further: ReadonlySet<string>): string {
  // Cut first, so that nobody can make this long; what is cut off within a credential is hidden with it.
  const cut = text.length > MOST_CHARACTERS ? text.slice(0, MOST_CHARACTERS) : text;
  const [before = "", mark, after = ""] = cut.split(/([?#])(.*)/s);
  const named = before.includes("://") ? before.replace(USER, `$1${REDACTED}@`) : before;
  const shown = named.replace(CREDENTIAL, REDACTED);
  return mark === undefined ? shown : shown + mark + redactedQuery(after, further);
}

/** `query` without its question mark, in the order and the spelling in which it came. */
export const redactedQuery = (query: string, further: ReadonlySet<string>): string =>
  query
    .slice(0, MOST_CHARACTERS)
    .split(/([&;#])/)
    .map((part) => {
      const equals = part.indexOf("=");
      const name = equals === -1 ? "" : part.slice(0, equals);
      return name !== "" && namesCredential(decoded(name), further)
        ? `${name}=${REDACTED}`
        : part.replace(CREDENTIAL, REDACTED);
    })
    .join("");

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

export const redactedHeader = (name: string, value: string, further: ReadonlySet<string>): string =>
  namesCredential(name, further) ? REDACTED : redactedText(value, further);
