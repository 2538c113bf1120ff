import { authenticationPolicy, authorizationPolicy, type Broken } from "./broken.ts";

const TARGET = 'targetRefs: [{group: "", kind: Service, name: a}]';
const rule = (text: string) => authorizationPolicy(`{${TARGET}, rules: [${text}]}`);
const source = (text: string) => rule(`{from: [{source: {${text}}}]}`);
const operation = (text: string) => rule(`{to: [{operation: {${text}}}]}`);
const when = (text: string) => rule(`{when: [{${text}}]}`);
const jwt = (text: string) => authenticationPolicy(`{${TARGET}, jwtRules: [{issuer: i, audiences: [a], ${text}}]}`);
const R = "spec.rules[0]";
const S = `invalid-value ${R}.from[0].source`;
const O = `invalid-value ${R}.to[0].operation`;
const J = "spec.jwtRules[0]";
const KEYS = 'jwksUri: "https://a/b"';

export const callers: readonly Broken[] = [
  [
    "an action of Istio's that there is not",
    authorizationPolicy(`{${TARGET}, ‸action: CUSTOM}`),
    "invalid-value spec.action",
  ],
  [
    "a DENY that never applies",
    authorizationPolicy(`{${TARGET}, action: DENY, ‸rules: []}`),
    "invalid-value spec.rules",
  ],
  ["a misspelt part of a rule", rule("{‸form: []}"), `unknown-key ${R}.form`],
  ["a source that says nothing", rule("{from: [{‸source: {}}]}"), S],
  ["a from without source", rule("{from: [‸{}]}"), S],
  [
    "a misspelt field of a source",
    rule("{from: [{‸source: {‸principal: [a]}}]}"),
    S,
    `unknown-key ${R}.from[0].source.principal`,
  ],
  ["principals that are none", source("‸principals: []"), `${S}.principals`],
  ["a pattern with a star in the middle", source('principals: [‸"a*b"]'), `${S}.principals[0]`],
  ["a block of addresses that is none", source("ipBlocks: [‸10.0.0.0/33]"), `${S}.ipBlocks[0]`],
  ["an address that is short", source("remoteIpBlocks: [‸10.1/8]"), `${S}.remoteIpBlocks[0]`],
  ["a path that begins with nothing known", operation("paths: [‸admin]"), `${O}.paths[0]`],
  ["a template that shares its segment", operation('paths: [‸"/a{*}"]'), `${O}.paths[0]`],
  ["a port that is a number", operation("ports: [‸80]"), `${O}.ports[0]`],
  ["a key that Istio would ignore", when("‸key: 'request.header[x-a]', values: [a]"), `invalid-value ${R}.when[0].key`],
  ["a when that wants nothing", rule("{when: [‸{key: source.ip}]}"), `invalid-value ${R}.when[0]`],
  ["a when of addresses that are none", when("key: source.ip, values: [‸x]"), `invalid-value ${R}.when[0].values[0]`],
  ["a condition that ends too soon", rule("{‸condition: 'request.path =='}"), `invalid-value ${R}.condition`],
  ["a condition about what there is not", rule("{‸condition: 'request.pth == \"/\"'}"), `invalid-value ${R}.condition`],
  ["two rules of one policy's by one name", rule("{name: a}, {‸name: a}"), "invalid-value spec.rules[1].name"],
  [
    "a provider without keys",
    authenticationPolicy(`{${TARGET}, jwtRules: [‸{issuer: i, audiences: [a]}]}`),
    `invalid-value ${J}`,
  ],
  [
    "a provider that takes tokens for anyone",
    authenticationPolicy(`{${TARGET}, jwtRules: [‸{issuer: i, ${KEYS}}]}`),
    `invalid-value ${J}.audiences`,
  ],
  ["a shared secret among public keys", jwt("‸jwks: {keys: [{kty: oct, k: c2VjcmV0}]}"), `invalid-value ${J}.jwks`],
  ["a private key", jwt("‸jwks: {keys: [{kty: OKP, crv: Ed25519, x: a, d: b}]}"), `invalid-value ${J}.jwks`],
  ["keys as text that is no JSON", jwt("‸jwks: '{keys'"), `invalid-value ${J}.jwks`],
  ["keys that come in the clear", jwt("‸jwksUri: http://issuer.example/jwks"), `invalid-value ${J}.jwksUri`],
  [
    "keys from a URL that only looks local",
    jwt("‸jwksUri: http://127.0.0.1@evil.example/"),
    `invalid-value ${J}.jwksUri`,
  ],
  ["a misspelt place of a token", jwt(`${KEYS}, ‸fromHeader: []`), `unknown-key ${J}.fromHeader`],
  [
    "two claims for one header",
    jwt(`${KEYS}, outputClaimToHeaders: [{header: x, claim: a}, {‸header: X, claim: b}]`),
    `invalid-value ${J}.outputClaimToHeaders[1].header`,
  ],
];
