// @ts-check
// Was gescheitert ist, auf Deutsch: was geschah, was unternommen wurde, was zu tun ist. Wörtlich
// angeführt wird nur, was andere Programme gesagt haben.

/** @import { Cause, Failure } from "../types.js" */
/** @import { Failed } from "../messages.js" */

/** @param {number} seconds */
function span(seconds) {
  if (seconds < 120) return `${seconds} Sekunden`;
  return seconds < 7200 ? `${Math.floor(seconds / 60)} Minuten` : `${Math.floor(seconds / 3600)} Stunden`;
}

/** Was jemand anderes gesagt hat. @param {string | undefined} said */
const quote = (said) => (said ? `„${said}“` : "ohne Angabe von Gründen");

/** @param {Cause} cause */
const source = ({ source }) => `Die Quelle „${source}“`;

/**
 * Zu jedem Fehler: was geschah, und was zuerst zu tun ist.
 * @type {{[code: string]: (cause: Cause, words: {stage: string | null, einen: (kind: string) => string}) => [string, string]}}
 */
const CAUSES = {
  source_missing: (cause) => [`${source(cause)} konnte nicht gelesen werden: Den Ordner ${cause.path} gibt es nicht.`, `Prüfen Sie, ob ${cause.path} vorhanden und eingehängt ist, oder berichtigen Sie die Quelle in der Beschreibung der Anwendung.`],
  source_empty: (cause) => [`${source(cause)} enthält nichts: Der Ordner ${cause.path} ist leer.`, `Prüfen Sie, ob die Daten in ${cause.path} liegen und ihr Datenträger eingehängt ist, oder berichtigen Sie die Quelle.`],
  source_unreadable: (cause) => [
    `${source(cause)} konnte nicht vollständig gelesen werden: ${cause.path}, ${quote(cause.why)}.${cause.more ? ` Bei ${cause.more} weiteren Pfaden ging es ebenso.` : ""}`,
    `Erlauben Sie dem Sicherungsprogramm, ${cause.path} zu lesen, oder prüfen Sie den Datenträger.`,
  ],
  dump_failed: (cause) => [`${source(cause)} konnte nicht gelesen werden: ${cause.program} ist gescheitert, ${quote(cause.ended)}.`, reaches(cause)],
  dump_empty: (cause) => [`${source(cause)} konnte nicht gelesen werden: ${cause.program} ist gelungen, hat aber nichts geschrieben.`, `Prüfen Sie, was ${cause.program} schreibt, wenn Sie es von Hand aufrufen.`],
  target_unwritable: (cause) => [`${source(cause)} konnte nicht zurückgespielt werden: ${cause.path}, ${quote(cause.why)}.`, `Erlauben Sie dem Sicherungsprogramm, ${cause.path} zu schreiben, schaffen Sie Platz auf dem Datenträger, oder prüfen Sie ihn.`],
  load_failed: (cause) => [`${source(cause)} konnte nicht zurückgespielt werden: ${cause.program} ist gescheitert, ${quote(cause.ended)}.`, reaches(cause)],
  snapshot_refused: (cause) => [`Die gespeicherte Quelle „${cause.source}“ wurde abgewiesen: ${cause.path}, ${quote(cause.why)}.`, "Wählen Sie eine andere Sicherung, und finden Sie heraus, wer noch in das Repositorium schreiben kann."],
  not_as_restored: (cause) => [`${source(cause)} ist nicht so, wie sie zurückgespielt wurde: ${cause.path}, ${quote(cause.why)}.`, `Prüfen Sie, ob während der Wartung noch etwas anderes in ${cause.path} schreibt, und prüfen Sie den Datenträger.`],
  storage_refused: ({ doing, why }) => [`Der Speicher hat den Zugriff verweigert (${quote(doing)}): ${quote(why)}.`, "Prüfen Sie, ob der Speicher vorhanden ist und das Sicherungsprogramm dort schreiben und löschen darf."],
  storage_full: ({ doing, why }) => [`Im Speicher ist kein Platz mehr (${quote(doing)}): ${quote(why)}.`, "Schaffen Sie Platz im Speicher."],
  storage_unavailable: ({ doing, why }) => [`Der Speicher war nicht erreichbar (${quote(doing)}): ${quote(why)}.`, "Prüfen Sie, ob das Sicherungsprogramm den Speicher erreicht."],
  repository_locked: () => ["Das Repositorium lässt sich mit dem eingestellten Kennwort nicht öffnen.", "Stellen Sie das Kennwort ein, mit dem das Repositorium angelegt wurde."],
  repository_in_use: ({ seen }) => [`Jemand anderes arbeitet gerade am Repositorium: ${quote(seen)}.`, "Warten Sie, bis das beendet ist; „restic unlock“ entfernt die Sperre eines Programms, das abgebrochen wurde."],
  repository_damaged: ({ found }) => [`Das Repositorium ist nicht so, wie es sein soll: ${quote(found)}.`, "Rufen Sie „restic check“ auf: „restic rebuild-index“ findet wieder, was nur dem Verzeichnis fehlt, „restic forget“ gibt auf, was nicht mehr zu finden ist."],
  configuration: ({ why }) => [`Die Einstellungen sind nicht verwendbar: ${quote(why)}.`, "Berichtigen Sie sie."],
  local_disk: ({ doing, why }) => [`Der Datenträger des Sicherungsprogramms hat versagt (${quote(doing)}): ${quote(why)}.`, "Prüfen Sie diesen Datenträger."],
  task_not_started: ({ why }) => [`Das Sicherungsprogramm wurde nicht gestartet: ${quote(why)}.`, "Prüfen Sie seine Beschreibung (Task-Definition) und ob im Cluster Platz ist."],
  task_vanished: ({ exit_code, why }) => [`Das Sicherungsprogramm endete${typeof exit_code === "number" ? ` mit dem Code ${exit_code}` : ""}, bevor es fertig war: ${quote(why)}.`, "Sehen Sie in sein Protokoll."],
  took_too_long: ({ limit_seconds = 0 }, { stage }) => [`Der Schritt${stage ? ` „${stage}“` : ""} dauerte länger als ${span(limit_seconds)} und wurde abgebrochen.`, "Finden Sie heraus, was so langsam ist, oder erlauben Sie in den Einstellungen mehr Zeit."],
  services_unknown: ({ why }) => [`Die Dienste konnten nicht ersetzt werden: ${quote(why)}.`, "Prüfen Sie die Einstellung „services“ und ob der Cluster gesehen werden darf."],
  service_failed: ({ service, why }) => [`Der Dienst „${service}“ ist nicht angelaufen: ${quote(why)}.`, `Sehen Sie in die Ereignisse und das Protokoll des Dienstes „${service}“.`],
  service_not_steady: ({ service, limit_seconds = 0, events }) => [`Der Dienst „${service}“ war nach ${span(limit_seconds)} noch nicht ersetzt.${events ? ` Seine letzten Ereignisse: ${quote(events)}.` : ""}`, `Sehen Sie in die Ereignisse und das Protokoll des Dienstes „${service}“.`],
  night_missed: ({ in_the_way = "", since, closed }, { einen }) => [`Die Sicherung der letzten Nacht lief nicht: Als ihr Zeitfenster um ${closed} endete, war noch ${einen(in_the_way)} im Gange, begonnen um ${since}.`, "Starten Sie jetzt eine Sicherung, oder warten Sie die nächste Nacht ab."],
  unexpected: ({ what }) => [`Etwas Unvorhergesehenes ist geschehen: ${quote(what)}.`, "Sehen Sie in das Protokoll des Sicherungsprogramms."],
};

/** @param {Cause} cause */
const reaches = ({ program }) => `Prüfen Sie, ob ${program} beim Sicherungsprogramm läuft und seinen Server erreicht.`;

/** Was unternommen wurde, und was nach dem Ersten zu tun ist. @param {Failure} failure @param {Failed} of @param {string} later @returns {[string, string]} */
function aftermath({ code, stays }, { kind, trigger, put_back, stage, last }, later) {
  const up = `Die Anwendung ${stays ? "bleibt in Wartung, wie sie es vorher war" : "ist verfügbar"}`;
  if (code === "night_missed") return ["Es wurde nichts begonnen und nichts an den Daten geändert.", ""];
  if (put_back === false) return [`Auch das Zurückspielen der Sicherheitssicherung ist gescheitert: ${later} Die Daten sind vielleicht unvollständig, darum bleibt die Anwendung in Wartung.`, "Stellen Sie danach die Sicherheitssicherung wieder her, oder beenden Sie die Wartung von Hand."];
  if (put_back && last === "redeploy") return [`Die Daten wurden aus der Sicherheitssicherung zurückgespielt und sind wie zuvor, aber dann scheiterten die Dienste: ${later} Die Wartung wurde dafür nicht verlängert.`, "Starten Sie danach die Dienste neu."];
  if (put_back) return [`Die Daten wurden aus der Sicherheitssicherung zurückgespielt und sind wie zuvor. ${up}.`, "Stellen Sie danach noch einmal wieder her."];
  if (trigger === "safety") return ["Unvollständiges wurde nicht behalten.", "Stellen Sie danach noch einmal wieder her."];
  switch (kind) {
    case "backup": return [`Unvollständiges wurde nicht behalten. ${up}.`, "Starten Sie danach eine neue Sicherung."];
    case "restore": return stage === "redeploy"
      ? [`Die Daten sind so, wie die Sicherung sie enthält. ${up}, soweit ihre Dienste laufen.`, "Starten Sie danach die Dienste neu, oder stellen Sie die Sicherheitssicherung wieder her, um zurückzugehen."]
      : [`Die Daten wurden nicht angetastet. ${up}.`, "Stellen Sie danach noch einmal wieder her."];
    case "restart": return [`Die Daten wurden nicht angetastet. ${up}, soweit ihre Dienste laufen.`, "Starten Sie danach noch einmal neu."];
    case "purge": return ["Die Anwendung war nicht betroffen, und keine Sicherung, die noch aufzubewahren ist, wurde angetastet.", "Was nicht entfernt werden konnte, wird in der nächsten Nacht noch einmal versucht."];
    default: return ["Die Anwendung war nicht betroffen.", "Versuchen Sie es danach noch einmal."];
  }
}

/**
 * @param {Failure} failure
 * @param {Failed} of
 * @param {{stage: (name: string) => string, einen: (kind: string) => string}} words
 */
export function failure(failure, of, { stage, einen }) {
  /** @param {Cause | null} cause @param {string | null} at */
  const told = (cause, at) => (cause ? CAUSES[cause.code]?.(cause, { stage: at && stage(at), einen }) : undefined);
  const found = told(failure.cause, of.stage);
  if (!found) return null;
  const [happened, first] = found;
  const [done, then] = aftermath(failure, of, told(failure.later_cause, of.last)?.[0] ?? "");
  return { happened, done, to_do: `${first} ${then}`.trim(), first };
}
