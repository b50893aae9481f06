// A real OpenID Connect provider, in this process, with people who sign in by typing their names.

import { generateKeyPairSync, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const PEOPLE = {
  maya: { name: "Maya Lindqvist", groups: ["staff", "nightkeep-operators"] },
  jonas: { name: "Jonas Okafor", groups: ["nightkeep-viewers"] },
  zoe: { name: "Zoë <b>Weiß</b>", groups: ["staff"] },
};

const AUDIENCE = "urn:nightkeep:api";
export const SCRIPT = { id: "nightly-script", secret: "the secret of the nightly script" };

/** Starts it; who it serves is told later, since that one has to know its address first. */
export async function startProvider() {
  let handle = (request, response) => response.writeHead(503).end();
  let away = () => false;
  const server = createServer((request, response) => {
    if (!away(request.url)) return handle(request, response);
    response.writeHead(502, { "content-type": "text/html" }).end("<p>away</p>");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const issuer = `http://127.0.0.1:${server.address().port}`;
  let console_;

  const begin = () => {
    const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" });
    handle = provide(issuer, console_, { ...key, kid: randomUUID(), alg: "ES256", use: "sig" }).callback();
  };
  return {
    flags: ["--oidc-issuer", issuer, "--oidc-audience", AUDIENCE, "--oidc-contact", "the office"],
    issuer,
    /** Serves the console at this address from now on. */
    serve(url) {
      console_ = url;
      begin();
    },
    /** Signs with a new key from now on, and has forgotten the one before. */
    rotate: begin,
    /** At which addresses nobody gets an answer. @param {(path: string) => boolean} is */
    away: (is) => (away = is),
    /** A token for the script, as it would ask for one. */
    async token() {
      const answer = await fetch(`${issuer}/token`, {
        method: "POST",
        headers: { authorization: `Basic ${Buffer.from(`${SCRIPT.id}:${encodeURIComponent(SCRIPT.secret)}`).toString("base64")}` },
        body: new URLSearchParams({ grant_type: "client_credentials", resource: AUDIENCE }),
      });
      if (!answer.ok) throw new Error(`no token: ${answer.status} ${await answer.text()}`);
      return (await answer.json()).access_token;
    },
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

function provide(issuer, url, key) {
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: "nightkeep", token_endpoint_auth_method: "none", id_token_signed_response_alg: "ES256", response_types: ["code"], grant_types: ["authorization_code"],
        redirect_uris: [`${url}/sign-in/callback`], post_logout_redirect_uris: [`${url}/`],
      },
      { client_id: SCRIPT.id, client_secret: SCRIPT.secret, id_token_signed_response_alg: "ES256", grant_types: ["client_credentials"], response_types: [], redirect_uris: [] },
    ],
    jwks: { keys: [key] },
    cookies: { keys: ["what signs the provider's own cookies"] },
    claims: { openid: ["sub", "groups"], profile: ["name"] },
    // Claims are in the ID token, as the providers do that people use.
    conformIdTokenClaims: false,
    findAccount: (context, id) => PEOPLE[id] && { accountId: id, claims: () => ({ sub: id, ...PEOPLE[id] }) },
    features: {
      devInteractions: { enabled: true },
      clientCredentials: { enabled: true },
      rpInitiatedLogout: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({ scope: "", audience: AUDIENCE, accessTokenFormat: "jwt", accessTokenTTL: 600, jwt: { sign: { alg: "ES256" } } }),
      },
    },
    extraTokenClaims: (context, token) => (token.kind === "ClientCredentials" ? { groups: ["nightkeep-operators"] } : undefined),
    pkce: { required: () => true },
    // Nobody is asked whether the console may know their name.
    async loadExistingGrant({ oidc }) {
      const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
      grant.addOIDCScope("openid profile email");
      await grant.save();
      return grant;
    },
  });
  provider.on("server_error", (context, error) => console.error(error));
  return provider;
}

/** Types the name on the provider's page. */
export async function signInAs(page, name) {
  await page.getByPlaceholder("Enter any login").fill(name);
  await page.getByPlaceholder("and password").fill("any");
  await page.getByRole("button", { name: "Sign-in" }).click();
}
