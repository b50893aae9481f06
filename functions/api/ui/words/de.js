// @ts-check
// Alles, was die Seite sagt, auf Deutsch. Die Schlüssel sind die von en.js.

const number = new Intl.NumberFormat("de");

/**
 * 1 Eintrag, 17.482 Einträge
 * @param {number} count
 * @param {string} one
 * @param {string} more
 */
const many = (count, one, more) => `${number.format(count)} ${count === 1 ? one : more}`;

/** @param {string} text */
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** Vorgänge: wie sie heißen, mit ihrem Artikel in den Fällen, die gebraucht werden, und wie sie im Gange sind. */
const KINDS = /** @type {{[kind: string]: {name: string, der: string, den: string, einen: string, running: string}}} */ ({
  backup: { name: "Sicherung", der: "die Sicherung", den: "die Sicherung", einen: "eine Sicherung", running: "Sicherung läuft" },
  restore: { name: "Wiederherstellung", der: "die Wiederherstellung", den: "die Wiederherstellung", einen: "eine Wiederherstellung", running: "Wiederherstellung läuft" },
  restart: { name: "Neustart", der: "der Neustart", den: "den Neustart", einen: "einen Neustart", running: "Neustart läuft" },
  source_archive: { name: "Quellarchiv", der: "das Quellarchiv", den: "das Quellarchiv", einen: "ein Quellarchiv", running: "Quellarchiv wird erstellt" },
  purge: { name: "Bereinigung", der: "die Bereinigung", den: "die Bereinigung", einen: "eine Bereinigung", running: "Bereinigung läuft" },
  end_maintenance: { name: "Ende der Wartung", der: "das Ende der Wartung", den: "das Ende der Wartung", einen: "das Ende der Wartung", running: "Wartung wird beendet" },
});
const OTHER = { name: "Vorgang", der: "der Vorgang", den: "den Vorgang", einen: "einen Vorgang", running: "Vorgang läuft" };

/** @param {string} name */
const kind = (name) => KINDS[name] ?? OTHER;

const STAGES = /** @type {{[name: string]: string}} */ ({ backup: "Sicherung", restore: "Wiederherstellung", put_back: "Zurückspielen", redeploy: "Neustart der Dienste", archive: "Archiv", purge: "Bereinigung" });
const ACTIVITIES = /** @type {{[kind: string]: string}} */ ({ restart: "Neustart aller Dienste", source_archive: "Quellarchiv", end_maintenance: "Wartung von Hand beendet", purge: "Bereinigung" });
const ROLES = /** @type {{[role: string]: string}} */ ({ viewer: "Betrachter", operator: "Verwalter" });

/** @param {string} record @param {string} date */
const the = (record, date) => `${record === "restore" ? "Wiederherstellung" : "Sicherung"} vom ${date}`;

/** @param {number} running @param {number} desired */
const ofServices = (running, desired) => `${running} von ${many(desired, "Dienst", "Diensten")}`;

/** @param {number} services */
const allServices = (services) => (services === 0 ? "Die Dienste werden" : services === 1 ? "Der eine Dienst wird" : `Alle ${services} Dienste werden`);

const ACTIONS = { restore: "wiederherstellen", restart: "neu starten", end_maintenance: "die Wartung beenden" };

/**
 * Was ein Fehler heißt: was geschah und was zu tun ist, mit dem Namen dessen, was er betrifft.
 * @type {{[code: string]: (name: string) => [string, string]}}
 */
const FAILURES = {
  source_missing: (name) => [`Die Quelle${name} konnte nicht gelesen werden: Ihr Ordner ist nicht vorhanden.`, "Prüfen Sie, ob der Ordner vorhanden und eingehängt ist, oder berichtigen Sie die Quelle in der Beschreibung der Anwendung."],
  source_empty: (name) => [`Die Quelle${name} enthält nichts: Ihr Ordner ist leer.`, "Prüfen Sie, ob die Daten im Ordner liegen und ihr Datenträger eingehängt ist, oder berichtigen Sie die Quelle."],
  source_unreadable: (name) => [`Die Quelle${name} konnte nicht vollständig gelesen werden.`, "Erlauben Sie dem Sicherungsprogramm, sie zu lesen, oder prüfen Sie ihren Datenträger."],
  dump_failed: (name) => [`Die Quelle${name} konnte nicht gelesen werden: Der Befehl, der sie ausgibt, ist gescheitert.`, "Prüfen Sie, ob der Befehl beim Sicherungsprogramm läuft und seinen Server erreicht."],
  dump_empty: (name) => [`Die Quelle${name} konnte nicht gelesen werden: Der Befehl, der sie ausgibt, hat nichts geschrieben.`, "Prüfen Sie, was der Befehl schreibt, wenn Sie ihn von Hand aufrufen."],
  target_unwritable: (name) => [`Die Quelle${name} konnte nicht zurückgespielt werden.`, "Erlauben Sie dem Sicherungsprogramm, dort zu schreiben, schaffen Sie Platz, oder prüfen Sie den Datenträger."],
  load_failed: (name) => [`Die Quelle${name} konnte nicht zurückgespielt werden: Der Befehl, der sie einliest, ist gescheitert.`, "Prüfen Sie, ob der Befehl beim Sicherungsprogramm läuft und seinen Server erreicht."],
  snapshot_refused: (name) => [`Die gespeicherte Quelle${name} wurde abgewiesen: Sie enthält etwas, das nie zurückgespielt wird.`, "Wählen Sie eine andere Sicherung, und finden Sie heraus, wer noch in das Repositorium schreiben kann."],
  not_as_restored: (name) => [`Die Quelle${name} ist nicht so, wie sie zurückgespielt wurde.`, "Prüfen Sie, ob während der Wartung noch etwas anderes dort schreibt, und prüfen Sie den Datenträger."],
  storage_refused: () => ["Der Speicher hat den Zugriff verweigert.", "Prüfen Sie, ob der Speicher vorhanden ist und das Sicherungsprogramm dort schreiben darf."],
  storage_full: () => ["Im Speicher ist kein Platz mehr.", "Schaffen Sie Platz im Speicher."],
  storage_unavailable: () => ["Der Speicher war nicht erreichbar.", "Prüfen Sie, ob das Sicherungsprogramm den Speicher erreicht."],
  repository_locked: () => ["Das Repositorium lässt sich mit dem eingestellten Kennwort nicht öffnen.", "Stellen Sie das Kennwort ein, mit dem das Repositorium angelegt wurde."],
  repository_damaged: () => ["Das Repositorium ist nicht so, wie es sein soll.", "Rufen Sie „restic check“ auf: „restic rebuild-index“ findet wieder, was nur dem Verzeichnis fehlt, „restic forget“ gibt auf, was nicht mehr zu finden ist."],
  configuration: () => ["Die Einstellungen sind nicht verwendbar.", "Berichtigen Sie sie."],
  local_disk: () => ["Der Datenträger des Sicherungsprogramms hat versagt.", "Prüfen Sie diesen Datenträger."],
  task_not_started: () => ["Das Sicherungsprogramm wurde nicht gestartet.", "Prüfen Sie seine Beschreibung (Task-Definition) und ob im Cluster Platz ist."],
  task_vanished: () => ["Das Sicherungsprogramm endete, bevor es fertig war.", "Sehen Sie in sein Protokoll."],
  took_too_long: () => ["Der Schritt dauerte zu lange und wurde abgebrochen.", "Finden Sie heraus, was so langsam ist, oder erlauben Sie in den Einstellungen mehr Zeit."],
  services_unknown: () => ["Die Dienste konnten nicht ersetzt werden.", "Prüfen Sie die Einstellung „services“ und ob der Cluster gesehen werden darf."],
  service_failed: (name) => [`Der Dienst${name} ist nicht angelaufen.`, "Sehen Sie in die Ereignisse und das Protokoll des Dienstes."],
  service_not_steady: (name) => [`Der Dienst${name} wurde nicht rechtzeitig fertig.`, "Sehen Sie in die Ereignisse und das Protokoll des Dienstes."],
  night_missed: () => ["Die Sicherung der letzten Nacht lief nicht: Bis zum Ende ihres Zeitfensters war ein anderer Vorgang im Gange.", "Starten Sie jetzt eine Sicherung, oder warten Sie die nächste Nacht ab."],
  unexpected: () => ["Etwas Unvorhergesehenes ist geschehen.", "Sehen Sie in das Protokoll des Sicherungsprogramms."],
};

/** Was danach zu tun ist, je nachdem, was gescheitert ist. */
const AGAIN = /** @type {{[kind: string]: string}} */ ({ backup: "Starten Sie danach eine neue Sicherung.", restore: "Stellen Sie danach noch einmal wieder her.", restart: "Starten Sie danach noch einmal neu.", source_archive: "Versuchen Sie es danach noch einmal.", purge: "Was nicht entfernt werden konnte, wird in der nächsten Nacht noch einmal versucht." });

/**
 * Was unternommen wurde.
 * @param {string} done in den Worten des Servers
 * @param {{kind: string, put_back: boolean | null, stage: string | null}} of
 */
function whatWasDone(done, { kind, put_back, stage }) {
  const up = /is available/.test(done) ? " Die Anwendung ist verfügbar." : /stays under maintenance/.test(done) ? " Die Anwendung bleibt in Wartung, wie sie es vorher war." : "";
  if (put_back === false) return "Auch das Zurückspielen der Sicherheitssicherung ist gescheitert. Die Daten sind vielleicht unvollständig, darum bleibt die Anwendung in Wartung.";
  if (put_back) return `Die Daten wurden aus der Sicherheitssicherung zurückgespielt und sind wie zuvor.${up}`;
  switch (kind) {
    case "backup": return /Nothing was started/.test(done) ? "Es wurde nichts begonnen und nichts an den Daten geändert." : `Unvollständiges wurde nicht behalten.${up}`;
    case "restore": return stage === "redeploy" ? `Die Daten sind so, wie die Sicherung sie enthält.${up}` : `Die Daten wurden nicht angetastet.${up}`;
    case "restart": return `Die Daten wurden nicht angetastet.${up}`;
    case "purge": return "Die Anwendung war nicht betroffen, und keine Sicherung, die noch aufzubewahren ist, wurde angetastet.";
    default: return "Die Anwendung war nicht betroffen.";
  }
}

const PROBLEMS = /** @type {{[name: string]: string}} */ ({
  internal: "Auf dem Server ist etwas gescheitert; sein Protokoll nennt die Ursache. Es wurde nichts geändert. Versuchen Sie es noch einmal.",
  unavailable: "Der Server konnte seine Daten nicht rechtzeitig erreichen. Versuchen Sie es gleich noch einmal.",
  busy: "Ein anderer Vorgang war im Gange. Es wurde nichts begonnen. Versuchen Sie es noch einmal.",
  "not-confirmed": "Die Zeichen stimmten nicht, waren schon verwendet oder abgelaufen. Es wurde nichts begonnen.",
  "not-restorable": "Nur eine Sicherung, die gelungen ist, kann wiederhergestellt werden. Es wurde nichts begonnen.",
  "no-such-record": "Diesen Eintrag gibt es nicht. Vielleicht wurde er wegen seines Alters entfernt.",
  "notes-changed": "Jemand anderes hat diese Notizen inzwischen geändert. Ihre wurden nicht gespeichert.",
  "wrong-notes": "Diese Notizen können nicht gespeichert werden: Sie enthalten ein Steuerzeichen.",
  "too-large": "Das ist zu viel auf einmal.",
  "role-too-low": "Ihre Rolle ist Betrachter. Es wurde nichts geändert. Wenden Sie sich an einen Verwalter.",
  "cross-origin": "Die Anfrage kam nicht von dieser Seite. Es wurde nichts geändert.",
});

/** @type {typeof import("./en.js").default} */
export default {
  tag: "de",
  other: { tag: "en", name: "English" },

  page: {
    actions: "Aktionen",
    activity: "Vorgänge",
    activityIntro: "Neustarts, Quellarchive und Bereinigungen, die neuesten zuerst",
    ahead: "Was geschehen wird",
    application: "Anwendung",
    asTheyAre: "Wie sie jetzt sind",
    backups: "Sicherungen",
    blankTitle: "Noch keine Sicherungen",
    cancel: "Abbrechen",
    characters: "Zeichen zur Bestätigung",
    close: "Schließen",
    date: "Datum",
    description: "Beschreibung",
    descriptionHint: "Wird als Notiz dieser Sicherung gezeigt. Sie können sie jederzeit ändern.",
    details: "Einzelheiten",
    discard: "Verwerfen",
    discardAsk: "Ihren Text verwerfen?",
    dismiss: "Diese Meldung schließen",
    doubt: "Die Daten sind vielleicht halb alt, halb neu.",
    download: "Herunterladen",
    downloadSource: "Quellcode herunterladen",
    duration: "Dauer",
    edit: "Ändern",
    editHint: "Strg + Eingabe speichert, Esc bricht ab",
    elapsed: "Vergangen",
    expired: "Aufbewahrungsfrist abgelaufen: Die Daten werden gerade entfernt und können nicht mehr wiederhergestellt werden.",
    files: "Dateien",
    glance: "Auf einen Blick",
    joinBoth: "Beide verbinden",
    keepTheirs: "Die anderen behalten",
    keepWriting: "Weiterschreiben",
    language: "Sprache",
    lastNights: "Letzte 14 Nächte",
    lastSuccess: "Letzte gelungene Sicherung",
    loading: "Wird geladen",
    newBackup: "Neue Sicherung",
    nextBackup: "Nächste automatische Sicherung",
    noActivity: "Noch nichts",
    noActivityText: "Hier stehen Neustarts, Quellarchive und Bereinigungen.",
    noDataChanged: "An den Daten wird nichts geändert. Bis zum Ende ist keine andere Aktion möglich.",
    noNotes: "Keine Notizen",
    notes: "Notizen",
    older: "Ältere Einträge zeigen",
    olderActivity: "Ältere Vorgänge zeigen",
    olderActivityTrouble: "Ältere Vorgänge konnten nicht geladen werden.",
    olderTrouble: "Ältere Einträge konnten nicht geladen werden.",
    optional: "(freiwillig)",
    readOnly: "Nur ansehen: Ihre Rolle ist Betrachter. Für eine Sicherung, eine Wiederherstellung oder einen Neustart wenden Sie sich an einen Verwalter.",
    records: "Sicherungen und Wiederherstellungen",
    restartAll: "Alle Dienste neu starten",
    restore: "Wiederherstellen",
    restoreOf: "Wiederhergestellt:",
    retention: "Aufbewahrung",
    retentionMore: "Älteres wird entfernt",
    save: "Notizen speichern",
    signOut: "Abmelden",
    size: "Größe",
    skip: "Zu den Einträgen springen",
    source: "Quelle",
    speed: "Tempo",
    stages: "Schritte",
    start: "Sicherung starten",
    started: "Auslöser",
    status: "Status",
    stepBack: "Wieder da.",
    stepMaintenance: "Wartung.",
    stepRestart: "Neustart der Dienste.",
    stepRestore: "Wiederherstellung.",
    stepSafety: "Sicherheitssicherung.",
    toConfirm: "Geben Sie zur Bestätigung diese 6 Zeichen ein",
    untilEnd: "Bis zum Ende",
    views: "Ansichten",
    what: "Was",
    yours: "Ihre",
  },

  date: ({ weekday, day, month, year, time }) => `${weekday}, ${day}. ${month} ${year}, ${time}`,
  day: ({ weekday, day, month }) => `${weekday}, ${day}. ${month}`,
  justNow: "gerade eben",
  inAMinute: "in einer Minute",
  tonight: "heute Nacht",
  about: (span) => `etwa ${span}`,
  lessThanAnHour: "weniger als eine Stunde",
  records: (count) => many(count, "Eintrag", "Einträge"),
  days: (count) => many(count, "Tag", "Tage"),
  sentence: (reason) => `${reason}.`,

  title: (application, activity) => `${activity ? "Vorgänge · " : ""}${application} · Nightkeep`,
  role: (role) => ROLES[role] ?? capital(role),
  notKnown: "Nicht bekannt",
  notKnownYet: "Noch nicht bekannt",
  available: "Verfügbar",
  underMaintenance: "In Wartung",
  wasThen: (maintenance, time) => `${time ? `${time}: ` : ""}${maintenance ? "in Wartung" : "verfügbar"}`,
  servicesRunning: (running, desired) => `${ofServices(running, desired)} ${running === 1 ? "läuft" : "laufen"}`,
  since: (time) => `seit ${time}`,
  forKind: (name) => `für ${kind(name).den}`,
  needsYou: "braucht Sie",
  noneYet: "Noch keine",
  firstDue: (when) => `die erste ist ${when} fällig`,
  overdue: "überfällig",
  lastNightFailed: "letzte Nacht gescheitert",
  lastNightMissed: "letzte Nacht ausgefallen",
  newerFailed: "eine neuere ist gescheitert",
  off: "Aus",
  byHandOnly: "Sicherungen nur von Hand",
  everyNight: "jede Nacht",
  everyNightAt: (time, zone) => `jede Nacht um ${time}, ${zone}`,
  noNightYet: "noch keine",
  nightsSucceeded: (count) => `${count} gelungen`,
  nightsFailed: (count) => `${count} gescheitert`,

  noRecords: "Keine Einträge",
  newestRecords: (count) => `Die neuesten ${many(count, "Eintrag", "Einträge")}`,
  allRecords: (count) => (count === 1 ? "1 Eintrag" : `${many(count, "Eintrag", "Einträge")}, die neuesten zuerst`),
  blank: (application, when, time) =>
    `${when === null ? `Die nächtlichen Sicherungen sind ausgeschaltet. Die erste Sicherung von ${application} machen Sie mit „Neue Sicherung“.` : `Die erste automatische Sicherung von ${application} läuft ${when} um ${time}. Sie müssen nicht darauf warten: Machen Sie jetzt eine mit „Neue Sicherung“.`} Die erste dauert am längsten; jede spätere speichert nur, was neu ist.`,
  blankForViewer: (application, when, time) => (when === null ? "Die nächtlichen Sicherungen sind ausgeschaltet." : `Die erste automatische Sicherung von ${application} läuft ${when} um ${time}.`),
  footer: (days) => `Einträge können nicht von Hand entfernt werden. Was älter als ${many(days, "Tag", "Tage")} ist, wird von selbst entfernt.`,
  footerZone: (zone) => `Die Zeiten gelten in Ihrer Zeitzone, ${zone}.`,
  status: { IN_PROGRESS: "Läuft", SUCCESS: "Gelungen", FAILED: "Gescheitert" },
  recordKind: { backup: "Sicherung", restore: "Wieder\u00adherstellung" },
  trigger: { manual: "Von Hand", scheduled: "Automatisch", safety: "Vor Wieder\u00adherstellung" },
  how: { manual: "von Hand", scheduled: "automatisch", safety: "vor einer Wiederherstellung" },
  everyNightCapital: "Jede Nacht",
  restoreRecord: (name, date) => `${the(name, date)} wiederherstellen`,
  editRecord: (name, date) => `Notizen der ${the(name, date)} ändern`,
  detailsOf: (name, date) => `Einzelheiten der ${the(name, date)}`,
  notesOf: (name, date) => `Notizen der ${the(name, date)}`,
  safetyBackup: (date) => `Sicherheitssicherung vor ${date ? `der Wiederherstellung der Sicherung vom ${date}` : "einer Wiederherstellung"}.`,
  soFar: "bisher",
  nothingKept: "nichts behalten",
  incomplete: "unvollständig",
  putBack: "zurückgespielt",
  restoredAmount: "wieder\u00adhergestellt",
  added: (size) => `${size} neu`,
  wasPutBack: (time) => `Die Sicherheitssicherung wurde zurückgespielt; die Daten sind wie um ${time}.`,
  notPutBack: "Auch das Zurückspielen der Sicherheitssicherung ist gescheitert; die Wartung blieb an.",
  loadingOlder: "Ältere Einträge werden geladen",
  tryAgain: "Noch einmal versuchen",
  recordGone: "Diesen Eintrag gibt es nicht mehr.",

  happened: "Was geschah",
  done: "Was unternommen wurde",
  toDo: "Was zu tun ist",
  newestSuccess: "Die neueste gelungene Sicherung ist die vom ",
  theSafetyBackup: "Die Sicherheitssicherung ist die vom ",
  lastWords: "Letzte Worte des Programms",
  wording: "Genauer Wortlaut",
  sources: "Quellen",
  sourceLine: (source, size, files) => `${source}: ${size}, ${many(files, "Datei", "Dateien")}`,
  snapshots: "Momentaufnahmen",
  ended: "Beendet",
  cause: "Ursache",
  record: "Eintrag",
  notesEdited: "Notizen geändert",
  byAt: (name, date) => `von ${name}, ${date}`,
  earlierNotes: "Frühere Notizen",
  stage: (name, record) => (record === "restore" && name === "backup" ? "Sicherheitssicherung" : STAGES[name] ?? name.replaceAll("_", " ")),
  capital,
  stageDone: (took) => (took ? `Gelungen, ${took}` : "Gelungen"),
  stageFailed: (took) => (took ? `Nach ${took} gescheitert` : "Gescheitert"),
  stageInProgress: "Läuft",
  stageNotBegun: "Nicht begonnen",

  activity: (name) => ACTIVITIES[name] ?? kind(name).name,
  noLongerKept: "nicht mehr aufbewahrt",
  purged: (records, days, size) => `${many(records, "Eintrag", "Einträge")}, älter als ${many(days, "Tag", "Tage")}, mit ${records === 1 ? "seinen" : "ihren"} Daten; ${size} frei geworden`,
  downloadFile: (file) => `${file} herunterladen`,
  archiveNotKept: "Dieses Archiv wird nicht mehr aufbewahrt. Erstellen Sie ein neues mit „Quellcode herunterladen“",
  noLink: "Es kam kein Link",
  noAnswerTryAgain: "Der Server hat nicht geantwortet. Versuchen Sie es noch einmal",
  archiveGone: "Dieses Archiv gibt es nicht mehr",

  untilConnected: "Erst wieder möglich, wenn die Verbindung da ist",
  untilSignedIn: "Erst wieder möglich, wenn Sie sich angemeldet haben",
  untilLoaded: "Erst möglich, wenn die Seite geladen ist",
  untilEnded: (name) => `Erst wieder möglich, wenn ${kind(name).der} ${name === "source_archive" ? "fertig" : "beendet"} ist`,
  notesCanBeEdited: "Notizen können geändert werden.",

  inProgress: (name) => kind(name).running,
  stageOf: (stage, stages, name) => `Schritt ${stage} von ${stages}: ${name}`,
  counts: { backup: "Gelesen", archive: "Gelesen", restore: "Wiederhergestellt", put_back: "Zurückgespielt" },
  of: (done, total) => `${done} von ${total}`,
  timeLeft: "Verbleibt",
  timeLeftInStage: "Verbleibt in diesem Schritt",
  notKnownYetTime: "noch nicht bekannt",
  longerThanUsual: "länger als sonst",
  starting: "beginnt",
  reading: "liest",
  running: (running, desired) => `${running} von ${desired} laufen`,
  startedBy: (name, time) => `Gestartet von ${name} um ${time}.`,
  restarting: "Alle Dienste werden neu gestartet. ",
  purging: (days) => `Was älter als ${many(days, "Tag", "Tage")} ist, wird mit seinen Daten entfernt. `,
  restoringFrom: "Wiederhergestellt wird die Sicherung vom ",
  linkAppears: "Der Link erscheint hier.",
  staysAvailable: (application) => `${application} bleibt verfügbar.`,
  maintenanceEndsAfter: (application) => `${application} war schon vorher in Wartung; sie endet, wenn dies gelungen ist.`,
  maintenanceStaysAfter: (application) => `${application} war schon vorher in Wartung und bleibt es.`,
  comesBack: (application, however) => `${application} ist in Wartung und kommt von selbst zurück${however ? ", wie auch immer dies endet" : ""}.`,
  stageToCome: (about) => (about ? `steht aus, ${about}` : "steht aus"),
  stageNow: "läuft",
  stageDoneIn: (took) => (took ? `fertig in ${took}` : "fertig"),
  stageBroken: "gescheitert",
  spokenStart: (name, by) => `${kind(name).running}, gestartet von ${by}.`,
  spokenStage: (name, stage, stages, word) => `${kind(name).name}: Schritt ${stage} von ${stages}, ${word}.`,
  spokenQuarter: (name, percent) => `${kind(name).name}: ${percent} Prozent fertig.`,

  connectionLost: "Verbindung verloren",
  noAnswerFromConsole: "Nightkeep kann gerade nicht antworten",
  nothingLoaded: "Es konnte noch nichts geladen werden.",
  asOf: (time) => `Was Sie sehen, ist der Stand von ${time}.`,
  goesOn: "Was im Gange ist, geht ohne diese Seite weiter.",
  tryingAgainIn: (span) => `Nächster Versuch in ${span}.`,
  tryingAgainNow: "Neuer Versuch läuft.",
  tryNow: "Jetzt versuchen",
  connectedAgain: "Wieder verbunden.",
  signedOut: "Sie wurden abgemeldet",
  signedOutText: "Was im Gange ist, geht weiter. Ihr Text bleibt in diesem Tab erhalten. ",
  signInAgain: "Wieder anmelden",
  noRole: "Sie haben hier keine Rolle",
  noRoleText: (contact) => `Sie sind angemeldet, dürfen hier aber nichts sehen. Bitten Sie ${contact || "einen Verwalter"} um eine Rolle.`,
  roleTooLow: (role) => `Ihre Rolle ist ${ROLES[role] ?? role}. Es wurde nichts geändert. Wenden Sie sich an einen Verwalter.`,
  notSignedOut: "Sie wurden nicht abgemeldet",
  stillSignedIn: "Der Server hat nicht geantwortet. Versuchen Sie es noch einmal.",
  needsSomeone: (application) => `${application} ist in Wartung und braucht Sie`,
  onSince: (time) => `Sie dauert seit ${time}. `,
  notOurMaintenance: "Kein Vorgang von Nightkeep hat sie eingeschaltet, darum lässt Nightkeep sie, wie sie ist. Beenden Sie sie dort, wo sie eingeschaltet wurde.",
  stuck: (application) => `${application} ist noch in Wartung und braucht Sie`,
  safetyBackupOf: (time) => `Sicherheitssicherung von ${time}`,
  restoreFailed: ["Die Wiederherstellung der Sicherung vom ", " ist gescheitert. "],
  isSafe: [" Die ", " ist vollständig und sicher."],
  restoreIt: (safety) => `Stellen Sie ${safety ? `die ${safety} oder eine andere` : "eine"} Sicherung wieder her. Die Wartung endet dann von selbst.`,
  onlyIfRepaired: "Nur wenn Sie die Daten auf andere Weise in Ordnung gebracht haben: Beenden Sie die Wartung von Hand.",
  restoreSafety: (safety) => `${safety} wiederherstellen`,
  endMaintenance: "Wartung beenden",
  detailsInFirst: "Die Einzelheiten stehen in der ersten Zeile.",
  detailsInRow: "Die Einzelheiten stehen in der Zeile dazu.",
  safetyFailed: "Die Sicherheitssicherung ist gescheitert. ",
  lastNightTitle: "Die Sicherung der letzten Nacht ist gescheitert",
  lastNightMissedTitle: "Die Sicherung der letzten Nacht lief nicht",
  failedTitle: (name, date) => `${capital(kind(name).der)}${date ? ` vom ${date}` : ""} ist gescheitert`,
  notBegunTitle: (date) => `Die Wiederherstellung${date ? ` vom ${date}` : ""} wurde nicht begonnen`,
  restartFailedTitle: (date) => `Die Wiederherstellung${date ? ` vom ${date}` : ""} ist vollständig, aber der Neustart der Dienste ist gescheitert`,
  putBackTitle: (time) => `Die Wiederherstellung ist gescheitert. Ihre Daten wurden zurückgespielt und sind wie um ${time}`,
  backupDone: "Sicherung gelungen",
  restoreDone: "Wiederherstellung gelungen",
  backedUp: (total, added, took) => `${total}, davon ${added} neu, in ${took}.`,
  doneIn: (took) => `Fertig in ${took}.`,
  dataAsOf: (date) => `Die Daten sind wie am ${date}.`,
  dataAsBackup: "Die Daten sind so, wie die Sicherung sie enthält.",
  safetyKeeps: (time) => ` Die Sicherheitssicherung von ${time} bewahrt, was vorher da war.`,
  availableAgain: (application) => ` ${application} ist wieder verfügbar.`,
  stillUnderMaintenance: (application) => ` ${application} ist noch in Wartung, wie zuvor.`,
  noArchive: "Es wurde kein Quellarchiv erstellt",
  maintenanceEnded: "Wartung beendet",
  maintenanceEndedText: (application) => `${application} ist wieder verfügbar, mit den Daten, wie sie jetzt sind.`,
  restarted: "Alle Dienste neu gestartet",
  servicesRun: (running, desired) => `${ofServices(running, desired)} ${running === 1 ? "läuft" : "laufen"}.`,
  purgeDone: "Bereinigung beendet",
  archiveReady: "Quellarchiv fertig",
  archiveText: (size) => `, ${size}. Bei jedem Klick entsteht ein neuer Link. Sie finden das Archiv wieder unter `,
  downloadSize: (size) => `Herunterladen (${size})`,
  noSuccessFor: (span) => `${span} ohne gelungene Sicherung`,
  noSuccessYet: "Noch keine Sicherung ist gelungen",
  newestFailed: "Die neueste ist gescheitert. ",
  findOutWhy: "Starten Sie eine neue Sicherung, und finden Sie heraus, warum keine lief.",
  goesAway: " Diese Warnung verschwindet, sobald wieder eine gelingt.",
  wrongSetting: (name) => `Die Einstellung „${name}“ ist nicht verwendbar`,
  wrongSettings: (count) => `${many(count, "Einstellung ist", "Einstellungen sind")} nicht verwendbar`,
  settingIs: [" ist „", "“, muss aber Folgendes sein: ", "; bis dahin gilt: "],
  expected: (text) => {
    const range = /^a whole number from (\d+) to (\d+)$/.exec(text);
    if (range) return `eine ganze Zahl von ${range[1]} bis ${range[2]}`;
    if (text === "on or off") return "on oder off";
    if (/^a time of day/.test(text)) return "eine Uhrzeit von 00:00 bis 23:59";
    if (/^the name of a time zone/.test(text)) return "der Name einer Zeitzone wie UTC, Europe/Berlin oder America/New_York";
    const length = /^a text of 1 to (\d+) characters$/.exec(text);
    return length ? `ein Text von 1 bis ${length[1]} Zeichen` : null;
  },
  correctIt: "Berichtigen Sie das dort, wo es eingestellt wurde; diese Warnung verschwindet dann.",

  busy: (name, operation, time) => `${name} hat um ${time} ${kind(operation).einen} gestartet.`,
  backupLater: "Sonst wurde nichts begonnen. Sie können es noch einmal versuchen, wenn der Vorgang beendet ist. Was Sie geschrieben haben, bleibt erhalten.",
  nothingElseStarted: "Sonst wurde nichts begonnen. Sie können es noch einmal versuchen, wenn der Vorgang beendet ist.",
  isLost: "Die Verbindung ist verloren.",
  backupWhenBack: "Sie können die Sicherung starten, wenn sie wieder da ist. Was Sie geschrieben haben, bleibt erhalten.",
  startingNow: "Wird gestartet",
  saving: "Wird gespeichert",
  noAnswer: "Der Server hat nicht geantwortet.",
  backupShows: "Ob die Sicherung gestartet wurde, zeigt sich, wenn die Verbindung wieder da ist. Was Sie geschrieben haben, bleibt erhalten.",
  archiveShows: "Der Server hat nicht geantwortet: Ob es begonnen wurde, zeigt sich, wenn die Verbindung wieder da ist.",
  tooLongBackup: (characters) => ({ title: "Die Beschreibung ist zu lang,", text: `um ${many(characters, "Zeichen", "Zeichen")}. Es wurde nichts begonnen, und Ihr Text ist noch da. Kürzen Sie ihn, und starten Sie dann.` }),
  tooLongNotes: (characters) => ({ title: "Die Notizen sind zu lang,", text: `um ${many(characters, "Zeichen", "Zeichen")}. Es wurde nichts gespeichert, und Ihr Text ist noch da. Kürzen Sie ihn, und speichern Sie dann.` }),
  backupNotStarted: "Die Sicherung wurde nicht gestartet.",
  typedIsKept: " Was Sie geschrieben haben, bleibt erhalten.",
  whileBackedUp: (application, about) => `${application} ist in Wartung, während gesichert wird${about ? `, ${about} lang` : ""}.`,
  lastTook: (took) => ` Die letzte Sicherung dauerte ${took}.`,
  firstLongest: " Die erste Sicherung dauert am längsten.",
  notesSaved: "Notizen gespeichert.",
  notesNotSaved: "Die Notizen wurden nicht gespeichert.",
  textStillHere: " Ihr Text ist noch da.",
  textStillHereTryAgain: "Der Server hat nicht geantwortet. Ihr Text ist noch da. Versuchen Sie es noch einmal.",
  changedByOther: (name, time) => `${name ?? "Jemand anderes"} hat diese Notizen ${name && time ? `um ${time} ` : ""}geändert.`,
  bothShown: "Ihre wurden nicht gespeichert. Beide Texte sind zu sehen; behalten Sie einen, oder verbinden Sie sie.",
  charactersExpired: "Die Zeichen waren älter als 5 Minuten.",
  charactersWrong: "Die Zeichen stimmten nicht.",
  typeNewOnes: "Es wurde nichts begonnen. Geben Sie unten die neuen ein.",
  charactersMatch: "Die Zeichen stimmen.",
  charactersComing: "Die Zeichen sind unterwegs.",
  charactersHint: (typed, wrong, until) => `${wrong === 0 ? `${typed} von 6.` : `Das ${wrong}. Zeichen ist ein anderes.`} Groß- und Kleinbuchstaben gelten gleich. Gültig bis ${until}.`,
  charactersNotLoaded: "Die Zeichen konnten nicht geladen werden.",
  askedAgain: "Der Server hat nicht geantwortet. Es wurde nichts begonnen. Gleich wird noch einmal nach ihnen gefragt.",
  startShows: "Ob etwas begonnen wurde, zeigt sich, wenn die Verbindung wieder da ist. Was Sie geschrieben haben, bleibt erhalten.",
  nothingStarted: "Es wurde nichts begonnen.",
  backupGone: "Diese Sicherung gibt es nicht mehr.",
  backupGoneText: (days) => `${days === null ? "" : `Sie war älter als ${many(days, "Tag", "Tage")} und wurde entfernt. `}Es wurde nichts begonnen. Wählen Sie eine andere.`,
  cantBeRestored: "Diese Sicherung kann nicht wiederhergestellt werden.",
  whenEnded: (action, about) => `Sie können ${ACTIONS[action]}, wenn der Vorgang beendet ist${about ? `, in ${about}` : ""}.`,
  whenBack: (action) => `Sie können ${ACTIONS[action]}, wenn sie wieder da ist.`,
  confirm: {
    restore: { title: "Diese Sicherung wiederherstellen?", button: "Wiederherstellen" },
    restart: { title: "Alle Dienste neu starten?", button: "Neu starten" },
    end_maintenance: { title: "Die Wartung von Hand beenden?", button: "Wartung beenden" },
  },
  origin: (trigger, by) => ({ scheduled: "automatisch, jede Nacht", safety: `vor einer Wiederherstellung, von ${by}` }[trigger] ?? `von Hand, von ${by}`),
  safetyStep: (application, stays) => `${application} ${stays ? "bleibt in" : "geht in"} Wartung und wird gesichert, wie es jetzt ist. Scheitert das, wird nichts geändert.`,
  restoreStep: (date) => `Die Daten werden wie am ${date}. Was seitdem eingegeben wurde, steht dann nur noch in der Sicherheitssicherung.`,
  restartAfterStep: (services, ends) => `${allServices(services)} neu gestartet, und die Wartung ${ends ? "endet" : "bleibt an, wie sie war"}.`,
  maintenanceFor: (about) => (about ? `In Wartung für ${about}.` : "In Wartung, bis alle drei Schritte fertig sind."),
  lastRestoreTook: (took) => ` Die letzte Wiederherstellung dauerte ${took}.`,
  maintenanceStep: (application, stays, about) => (stays ? `${application} bleibt in Wartung.` : `${application} geht in Wartung, ${about ? `für ${about}` : "bis die Dienste wieder laufen"}.`),
  restartStep: (services) => `${allServices(services)} neu gestartet.`,
  backStep: (stays) => (stays ? "Die Wartung bleibt an, wie sie vorher war." : "Die Wartung endet, wenn alle Dienste laufen, oder sofort, wenn einer sich nicht starten lässt."),
  inDoubt: (date) => `${date ? `Die Wiederherstellung der Sicherung vom ${date}` : "Die letzte Wiederherstellung"} ist gescheitert, und die Sicherheitssicherung konnte nicht zurückgespielt werden.`,
  afterEnd: (application) => `${application} wird sofort verfügbar, mit den Daten, wie sie jetzt sind. Tun Sie das nur, wenn Sie die Daten selbst in Ordnung gebracht oder geprüft haben. Eine Sicherung wiederherzustellen ist der sicherere Weg und beendet die Wartung von selbst.`,
  notLoaded: "Dieser Teil der Seite konnte nicht geladen werden. Laden Sie die Seite neu, und versuchen Sie es noch einmal.",

  failure: ({ code, happened, done }, of) => {
    const known = FAILURES[code];
    if (!known) return null;
    const named = /“([^”]+)”/.exec(happened)?.[1];
    const [what, toDo] = known(named ? ` „${named}“` : "");
    const again = of.put_back === false ? "Stellen Sie danach die Sicherheitssicherung wieder her, oder beenden Sie die Wartung von Hand." : AGAIN[of.kind];
    return { happened: what, done: whatWasDone(done, of), to_do: code === "night_missed" || !again ? toDo : `${toDo} ${again}`, first: toDo };
  },
  problem: (name, _detail) => PROBLEMS[name] ?? null,
  statusOnly: (status) => `Der Server hat mit dem Status ${status} geantwortet.`,
};
