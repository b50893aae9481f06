// The page's types are those that the server promises: its OpenAPI document, written as types, has to fit
// them, by the compiler's judgement.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startProgram } from "./support/program.js";

const TYPES = fileURLToPath(new URL("../../functions/api/ui/types.js", import.meta.url));
const TSC = fileURLToPath(new URL("node_modules/.bin/tsc", import.meta.url));

/** What the page takes for what. */
const PAIRS = {
  State: "StateView", Operation: "OperationView", Progress: "Progress", Nightly: "NightlyView", Night: "Night", WrongSetting: "WrongSettingView",
  Record: "Record", RecordWithHistory: "Detail", RecordsPage: "PageView", OlderNotes: "OlderNotes", Edited: "Edited", Stage: "Stage", Size: "Size",
  Snapshot: "Snapshot", Failure: "Failure", Activity: "Activity", ActivitiesPage: "ActivitiesView", Purged: "Purged", SourceArchive: "SourceArchiveView",
  Confirmation: "ConfirmationView",
};
/** What the page sends, which has to fit what the server takes. */
const SENT = { Action: "Action" };

let program, document;
before(async () => {
  program = await startProgram();
  document = await (await fetch(`${program.url}/api/openapi.json`)).json();
});
after(() => program?.stop());

/** A schema as a type. */
function type(schema) {
  if (schema.$ref) return `Schema_${schema.$ref.split("/").at(-1)}`;
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.oneOf ?? schema.anyOf) return (schema.oneOf ?? schema.anyOf).map(type).join(" | ");
  if (schema.allOf) return schema.allOf.map((one) => `(${type(one)})`).join(" & ");
  if (Array.isArray(schema.type)) return schema.type.map((one) => type({ ...schema, type: one })).join(" | ");
  switch (schema.type) {
    case "integer":
    case "number": return "number";
    case "string": return "string";
    case "boolean": return "boolean";
    case "null": return "null";
    case "array": return `(${type(schema.items)})[]`;
    default: return `{ ${Object.entries(schema.properties ?? {}).map(([name, of]) => property(name, of, schema.required ?? [])).join("; ")} }`;
  }
}

/** A field without a value is null, and there all the same. */
function property(name, schema, required) {
  const written = type(schema);
  const isThere = required.includes(name) || / \| null$/.test(written);
  return `${JSON.stringify(name)}${isThere ? "" : "?"}: ${written}`;
}

async function compile(text) {
  const folder = await mkdtemp(join(tmpdir(), "nightkeep-types-"));
  const file = join(folder, "check.ts");
  await writeFile(file, text);
  const flags = ["--noEmit", "--strict", "--allowJs", "--skipLibCheck", "--target", "es2023", "--module", "esnext", "--moduleResolution", "bundler", "--types", "", "--ignoreConfig", file];
  const said = await promisify(execFile)(TSC, flags, { cwd: folder }).then(() => "", ({ stdout, stderr }) => stdout + stderr);
  await rm(folder, { recursive: true });
  return said;
}

/** Everything that is to be checked, as a program. */
function checks(schemas) {
  const lines = [`import type * as Page from ${JSON.stringify(TYPES)};`, "const any = null as any;"];
  for (const [name, schema] of Object.entries(schemas)) lines.push(`type Schema_${name} = ${type(schema)};`);
  for (const [page, server] of Object.entries(PAIRS)) {
    lines.push(`export const ${page}: Page.${page} = any as Schema_${server};`);
    lines.push(`export const ${page}_has_no_more: Exclude<keyof Page.${page}, keyof Schema_${server}> extends never ? true : Exclude<keyof Page.${page}, keyof Schema_${server}> = true;`);
  }
  for (const [page, server] of Object.entries(SENT)) lines.push(`export const sent_${page}: Schema_${server} = any as Page.${page};`);
  return lines.join("\n");
}

test("what the server promises is what the page's types say", async () => {
  const { schemas } = document.components;
  assert.equal(await compile(checks(schemas)), "");

  // The check itself can fail: a field that goes, a kind that comes.
  const without = structuredClone(schemas);
  delete without.StateView.properties.retention_days;
  assert.match(await compile(checks(without)), /retention_days/);
  const more = structuredClone(schemas);
  more.Status.enum = [...(more.Status.enum ?? []), "SOMETHING_NEW"];
  assert.match(await compile(checks(more)), /SOMETHING_NEW/);
});

test("the page asks for nothing that the server does not document", async () => {
  const { readFile } = await import("node:fs/promises");
  const script = await readFile(TYPES.replace("types.js", "server.js"), "utf8");
  const asked = [...script.matchAll(/request\("([A-Z]+)", [`"]([^`"?]*)/g)].map(([, method, path]) => `${method.toLowerCase()} ${path.replace(/\$\{[^}]*\}/g, "{id}")}`);
  assert.ok(asked.length >= 12, asked.join("\n"));
  const documented = Object.entries(document.paths).flatMap(([path, item]) => Object.keys(item).map((method) => `${method} ${path}`));
  assert.deepEqual(asked.filter((one) => !documented.includes(one)), []);
});
