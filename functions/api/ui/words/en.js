// @ts-check
// Everything that the page says, in English. Another language is another file with the same keys.
// Dates, times, sizes and spans come in written; what is counted comes in as a number.

const number = new Intl.NumberFormat("en");
const rules = new Intl.PluralRules("en");

/**
 * 1 record, 17,482 records
 * @param {number} count
 * @param {string} one
 */
const many = (count, one) => `${number.format(count)} ${one}${rules.select(count) === "one" ? "" : "s"}`;

/** @param {string} text */
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/**
 * source archive
 * @param {string} name
 */
const kind = (name) => name.replaceAll("_", " ");

const STAGES = /** @type {{[name: string]: string}} */ ({ put_back: "put back", redeploy: "restart of services" });
const ACTIVITIES = /** @type {{[kind: string]: string}} */ ({ restart: "Restart of all services", source_archive: "Source archive", end_maintenance: "Maintenance ended by hand", purge: "Purge" });
const ROLES = /** @type {{[role: string]: string}} */ ({ viewer: "Viewer", operator: "Operator" });
/** @param {string} record */
const backupOrRestore = (record) => (record === "restore" ? "restore" : "backup");

/**
 * Which record, in a sentence.
 * @param {string} name
 * @param {string} date
 */
const the = (name, date) => `the ${backupOrRestore(name)} of ${date}`;

/** @param {number} running @param {number} desired */
const ofServices = (running, desired) => `${running} of ${many(desired, "service")}`;

/** @param {number} services */
const allServices = (services) => (services === 0 ? "The services are" : services === 1 ? "The one service is" : `All ${services} services are`);

export default {
  tag: "en",
  /** The other language, in its own words. */
  other: { tag: "de", name: "Deutsch" },

  /** What stands in the markup, by its `data-t` and the like. */
  page: {
    actions: "Actions",
    activity: "Activity",
    activityIntro: "Restarts, source archives and purges, newest first",
    ahead: "What will happen",
    application: "Application",
    asTheyAre: "As they are now",
    backups: "Backups",
    blankTitle: "No backups yet",
    cancel: "Cancel",
    characters: "Confirmation characters",
    close: "Close",
    date: "Date",
    description: "Description",
    descriptionHint: "Shown as the notes of this backup. You can change it at any time.",
    details: "Details",
    discard: "Discard",
    discardAsk: "Discard your text?",
    dismiss: "Dismiss this message",
    doubt: "The data may be half old, half new.",
    download: "Download",
    downloadSource: "Download source code",
    duration: "Duration",
    edit: "Edit",
    editHint: "Ctrl + Enter saves, Esc cancels",
    elapsed: "Elapsed",
    expired: "Past its retention: its data is being removed. It can’t be restored any more.",
    files: "Files",
    glance: "At a glance",
    joinBoth: "Join both",
    keepTheirs: "Keep theirs",
    keepWriting: "Keep writing",
    language: "Language",
    lastNights: "Last 14 nights",
    lastSuccess: "Last successful backup",
    loading: "Loading",
    newBackup: "New backup",
    nextBackup: "Next automatic backup",
    noActivity: "Nothing yet",
    noActivityText: "Restarts, source archives and purges are listed here.",
    noDataChanged: "No data is changed. Until it has ended, no other action is available.",
    noNotes: "No notes",
    notes: "Notes",
    older: "Show older records",
    olderActivity: "Show older entries",
    olderActivityTrouble: "Older entries could not be loaded.",
    olderTrouble: "Older records could not be loaded.",
    optional: "(optional)",
    readOnly: "Read only: your role is Viewer. For a backup, a restore or a restart, ask an operator.",
    records: "Backups and restores",
    restartAll: "Restart all services",
    restore: "Restore",
    restoreOf: "Restore of",
    retention: "Retention",
    retentionMore: "older records are removed",
    save: "Save notes",
    signOut: "Sign out",
    size: "Size",
    skip: "Skip to the records",
    source: "Source",
    speed: "Speed",
    stages: "Stages",
    start: "Start backup",
    started: "Started",
    status: "Status",
    stepBack: "Back again.",
    stepMaintenance: "Maintenance.",
    stepRestart: "Restart of services.",
    stepRestore: "Restore.",
    stepSafety: "Safety backup.",
    toConfirm: "To confirm, type these 6 characters",
    untilEnd: "Until the end",
    views: "Views",
    what: "What",
    yours: "Yours",
  },

  // Figures.
  /** @param {{weekday: string, day: string, month: string, year: string, time: string}} parts */
  date: ({ weekday, day, month, year, time }) => `${weekday} ${day} ${month} ${year}, ${time}`,
  /** @param {{weekday: string, day: string, month: string}} parts */
  day: ({ weekday, day, month }) => `${weekday} ${day} ${month}`,
  justNow: "just now",
  inAMinute: "in a minute",
  tonight: "tonight",
  /** @param {string} span */
  about: (span) => `about ${span}`,
  lessThanAnHour: "less than an hour",
  records: (/** @type {number} */ count) => many(count, "record"),
  days: (/** @type {number} */ count) => many(count, "day"),
  /** @param {string} reason */
  sentence: (reason) => `${reason}.`,

  // The strip at the top.
  /** @param {string} application @param {boolean} activity */
  title: (application, activity) => `${activity ? "Activity · " : ""}${application} · Nightkeep`,
  role: (/** @type {string} */ role) => ROLES[role] ?? capital(role),
  notKnown: "Not known",
  notKnownYet: "Not known yet",
  available: "Available",
  underMaintenance: "Under maintenance",
  /** @param {boolean} maintenance @param {string | null} time */
  wasThen: (maintenance, time) => `${maintenance ? "under maintenance" : "available"}${time ? ` at ${time}` : ""}`,
  /** @param {number} running @param {number} desired */
  servicesRunning: (running, desired) => `${ofServices(running, desired)} running`,
  /** @param {string} time */
  since: (time) => `since ${time}`,
  forKind: (/** @type {string} */ name) => `for the ${kind(name)}`,
  needsYou: "needs you",
  noneYet: "None yet",
  firstDue: (/** @type {string} */ when) => `the first is due ${when}`,
  overdue: "overdue",
  lastNightFailed: "last night’s failed",
  lastNightMissed: "last night’s did not run",
  newerFailed: "a newer one failed",
  off: "Off",
  byHandOnly: "backups are made by hand only",
  everyNight: "every night",
  /** @param {string} time @param {string} zone */
  everyNightAt: (time, zone) => `every night at ${time}, ${zone}`,
  noNightYet: "none yet",
  nightsSucceeded: (/** @type {number} */ count) => `${count} succeeded`,
  nightsFailed: (/** @type {number} */ count) => `${count} failed`,

  // The records.
  noRecords: "No records",
  newestRecords: (/** @type {number} */ count) => `The newest ${many(count, "record")}`,
  allRecords: (/** @type {number} */ count) => (count === 1 ? "1 record" : `${many(count, "record")}, newest first`),
  /** @param {string} application @param {string | null} when tonight @param {string} time */
  blank: (application, when, time) =>
    `${when === null ? `Nightly backups are off. Make the first backup of ${application} with New backup.` : `The first automatic backup of ${application} runs ${when} at ${time}. You need not wait for it: make one now with New backup.`} The first takes longest; every later one saves only what is new.`,
  /** @param {string} application @param {string | null} when @param {string} time */
  blankForViewer: (application, when, time) => (when === null ? "Nightly backups are off." : `The first automatic backup of ${application} runs ${when} at ${time}.`),
  /** @param {number} days */
  footer: (days) => `Records can’t be removed by hand. Those older than ${many(days, "day")} are removed by themselves.`,
  footerZone: (/** @type {string} */ zone) => `Times are in your time zone, ${zone}.`,
  status: { IN_PROGRESS: "In progress", SUCCESS: "Success", FAILED: "Failed" },
  recordKind: { backup: "Backup", restore: "Restore" },
  trigger: { manual: "Manual", scheduled: "Automatic", safety: "Before a restore" },
  how: { manual: "manual", scheduled: "automatic", safety: "before a restore" },
  everyNightCapital: "Every night",
  /** @param {string} name @param {string} date */
  restoreRecord: (name, date) => `Restore ${the(name, date)}`,
  /** @param {string} name @param {string} date */
  editRecord: (name, date) => `Edit notes of ${the(name, date)}`,
  /** @param {string} name @param {string} date */
  detailsOf: (name, date) => `Details of ${the(name, date)}`,
  /** @param {string} name @param {string} date */
  notesOf: (name, date) => `Notes of ${the(name, date)}`,
  safetyBackup: (/** @type {string | null} */ date) => `Safety backup before ${date ? `the restore of ${date}` : "a restore"}.`,
  soFar: "so far",
  nothingKept: "nothing kept",
  incomplete: "incomplete",
  putBack: "put back",
  restoredAmount: "restored",
  added: (/** @type {string} */ size) => `${size} new`,
  wasPutBack: (/** @type {string} */ time) => `The safety backup was put back; the data is as it was at ${time}.`,
  notPutBack: "Putting the safety backup back failed too; maintenance stayed on.",
  loadingOlder: "Loading older records",
  tryAgain: "Try again",
  recordGone: "This record no longer exists.",

  // What opens below a row.
  happened: "What happened",
  done: "What was done",
  toDo: "What to do",
  newestSuccess: "The newest backup that succeeded is that of ",
  theSafetyBackup: "The safety backup is that of ",
  lastWords: "Last words of the program",
  sources: "Sources",
  /** @param {string} source @param {string} size @param {number} files */
  sourceLine: (source, size, files) => `${source}: ${size}, ${many(files, "file")}`,
  snapshots: "Snapshots",
  ended: "Ended",
  cause: "Cause",
  record: "Record",
  notesEdited: "Notes changed",
  /** @param {string} name @param {string} date */
  byAt: (name, date) => `by ${name}, ${date}`,
  earlierNotes: "Earlier notes",
  /** @param {string} name @param {string} record */
  stage: (name, record) => (record === "restore" && name === "backup" ? "safety backup" : STAGES[name] ?? name.replaceAll("_", " ")),
  capital,
  stageDone: (/** @type {string} */ took) => (took ? `Success, ${took}` : "Success"),
  stageFailed: (/** @type {string} */ took) => (took ? `Failed after ${took}` : "Failed"),
  stageInProgress: "In progress",
  stageNotBegun: "Not begun",

  // The activity.
  activity: (/** @type {string} */ name) => ACTIVITIES[name] ?? capital(kind(name)),
  noLongerKept: "no longer kept",
  /** @param {number} records @param {number} days @param {string} size */
  purged: (records, days, size) => `${many(records, "record")} past ${many(days, "day")}, with ${records === 1 ? "its" : "their"} data; ${size} freed`,
  downloadFile: (/** @type {string} */ file) => `Download ${file}`,
  archiveNotKept: "This archive is no longer kept. Make a new one with Download source code",
  noLink: "No link came",
  noAnswerTryAgain: "there was no answer. Try again",
  archiveGone: "This archive no longer exists",

  // Why something can't be done now; without a full stop.
  untilConnected: "Unavailable until the connection is back",
  untilSignedIn: "Unavailable until you have signed in again",
  untilLoaded: "Unavailable until the page has loaded",
  untilEnded: (/** @type {string} */ name) => `Unavailable until ${name === "source_archive" ? "the source archive is made" : `the ${kind(name)} has ended`}`,
  notesCanBeEdited: "Notes can be edited.",

  // The operation in progress.
  inProgress: (/** @type {string} */ name) => (name === "source_archive" ? "Making the source archive" : `${capital(kind(name))} in progress`),
  /** @param {number} stage @param {number} stages @param {string} name */
  stageOf: (stage, stages, name) => `Stage ${stage} of ${stages}: ${name}`,
  counts: /** @type {{[stage: string]: string}} */ ({ backup: "Read", archive: "Read", restore: "Restored", put_back: "Put back" }),
  of: (/** @type {string} */ done, /** @type {string} */ total) => `${done} of ${total}`,
  timeLeft: "Time left",
  timeLeftInStage: "Time left in this stage",
  notKnownYetTime: "not known yet",
  longerThanUsual: "longer than usual",
  starting: "starting",
  reading: "reading",
  /** @param {number} running @param {number} desired */
  running: (running, desired) => `${running} of ${desired} running`,
  /** @param {string} name @param {string} time */
  startedBy: (name, time) => `Started by ${name} at ${time}.`,
  restarting: "Restarting all services. ",
  purging: (/** @type {number} */ days) => `Removing what is older than ${many(days, "day")}, with its data. `,
  restoringFrom: "Restoring the backup of ",
  linkAppears: "The link appears here.",
  staysAvailable: (/** @type {string} */ application) => `${application} stays available.`,
  maintenanceEndsAfter: (/** @type {string} */ application) => `${application} was under maintenance before; that ends when this has succeeded.`,
  maintenanceStaysAfter: (/** @type {string} */ application) => `${application} was under maintenance before, and stays so.`,
  /** @param {string} application @param {boolean} however */
  comesBack: (application, however) => `${application} is under maintenance and comes back by itself${however ? ", however this ends" : ""}.`,
  stageToCome: (/** @type {string | null} */ about) => (about ? `to come, ${about}` : "to come"),
  stageNow: "in progress",
  stageDoneIn: (/** @type {string | null} */ took) => (took ? `done in ${took}` : "done"),
  stageBroken: "failed",
  /** @param {string} name @param {string} by */
  spokenStart: (name, by) => `${name === "source_archive" ? "Making the source archive" : `${capital(kind(name))} in progress`}, started by ${by}.`,
  /** @param {string} name @param {number} stage @param {number} stages @param {string} word */
  spokenStage: (name, stage, stages, word) => `${capital(kind(name))}: stage ${stage} of ${stages}, ${word}.`,
  /** @param {string} name @param {number} percent */
  spokenQuarter: (name, percent) => `${capital(kind(name))}: ${percent} percent done.`,

  // Messages.
  connectionLost: "Connection lost",
  noAnswerFromConsole: "The console can’t answer at the moment",
  nothingLoaded: "Nothing could be loaded yet.",
  asOf: (/** @type {string} */ time) => `What you see is as of ${time}.`,
  goesOn: "Anything in progress goes on without this page.",
  tryingAgainIn: (/** @type {string} */ span) => `Trying again in ${span}.`,
  tryingAgainNow: "Trying again now.",
  tryNow: "Try now",
  connectedAgain: "Connected again.",
  signedOut: "You were signed out",
  signedOutText: "Anything in progress goes on. Your text is kept in this tab. ",
  signInAgain: "Sign in again",
  noRole: "You have no role here",
  noRoleText: (/** @type {string | null} */ contact) => `You are signed in, but may see nothing of this console. Ask ${contact || "an operator"} for a role.`,
  roleTooLow: (/** @type {string} */ role) => `Your role is ${ROLES[role] ?? role}. Nothing was changed. Ask an operator.`,
  notSignedOut: "You were not signed out",
  stillSignedIn: "There was no answer. Try again.",
  needsSomeone: (/** @type {string} */ application) => `${application} is under maintenance and needs you`,
  onSince: (/** @type {string} */ time) => `It has been on since ${time}. `,
  notOurMaintenance: "No operation of Nightkeep turned it on, so Nightkeep leaves it as it is. End it where it was turned on.",
  stuck: (/** @type {string} */ application) => `${application} is still under maintenance and needs you`,
  safetyBackupOf: (/** @type {string} */ time) => `safety backup of ${time}`,
  restoreFailed: /** @type {[string, string]} */ (["The restore of ", " failed. "]),
  isSafe: /** @type {[string, string]} */ ([" The ", " is complete and safe."]),
  restoreIt: (/** @type {string | null} */ safety) => `Restore ${safety ? `the ${safety}, or any other backup` : "a backup"}. Maintenance then ends by itself.`,
  onlyIfRepaired: "Only if you have repaired the data in another way: end the maintenance by hand.",
  restoreSafety: (/** @type {string} */ safety) => `Restore the ${safety}`,
  endMaintenance: "End maintenance",
  detailsInFirst: "The details are in the first row.",
  detailsInRow: "The details are in its row.",
  safetyFailed: "The safety backup failed. ",
  lastNightTitle: "Last night’s backup failed",
  lastNightMissedTitle: "Last night’s backup did not run",
  /** @param {string} name @param {string | null} date */
  failedTitle: (name, date) => `The ${kind(name)}${date ? ` of ${date}` : ""} failed`,
  /** @param {string | null} date */
  notBegunTitle: (date) => `The restore${date ? ` of ${date}` : ""} was not begun`,
  /** @param {string | null} date */
  restartFailedTitle: (date) => `The restore${date ? ` of ${date}` : ""} is complete, but the restart of services failed`,
  putBackTitle: (/** @type {string} */ time) => `The restore failed. Your data was put back as it was at ${time}`,
  backupDone: "Backup completed",
  restoreDone: "Restore completed",
  /** @param {string} total @param {string} added @param {string} took */
  backedUp: (total, added, took) => `${total}, of which ${added} were new, in ${took}.`,
  doneIn: (/** @type {string} */ took) => `Done in ${took}.`,
  dataAsOf: (/** @type {string} */ date) => `The data is as it was on ${date}.`,
  dataAsBackup: "The data is as the backup holds it.",
  safetyKeeps: (/** @type {string} */ time) => ` The safety backup of ${time} keeps what was there before.`,
  availableAgain: (/** @type {string} */ application) => ` ${application} is available again.`,
  stillUnderMaintenance: (/** @type {string} */ application) => ` ${application} is still under maintenance, as it was before.`,
  noArchive: "No source archive was made",
  maintenanceEnded: "Maintenance ended",
  maintenanceEndedText: (/** @type {string} */ application) => `${application} is available again, with its data as it is now.`,
  restarted: "All services restarted",
  /** @param {number} running @param {number} desired */
  servicesRun: (running, desired) => `${ofServices(running, desired)} ${running === 1 ? "is" : "are"} running.`,
  purgeDone: "Purge completed",
  archiveReady: "Source archive ready",
  /** @param {string} size */
  archiveText: (size) => `, ${size}. A fresh link is made each time you click. You find the archive again under `,
  downloadSize: (/** @type {string} */ size) => `Download (${size})`,
  noSuccessFor: (/** @type {string} */ span) => `No successful backup for ${span}`,
  noSuccessYet: "There is no successful backup yet",
  newestFailed: "The newest one failed. ",
  findOutWhy: "Start a new backup, and find out why none ran.",
  goesAway: " This warning goes away after the next success.",
  wrongSetting: (/** @type {string} */ name) => `The setting “${name}” can’t be used`,
  wrongSettings: (/** @type {number} */ count) => `${many(count, "setting")} can’t be used`,
  settingIs: /** @type {[string, string, string]} */ ([" is “", "”, but has to be ", "; meanwhile this is in force: "]),
  /** What a setting has to be, as the server says it. Null: there are no words for it. @param {string} _name @param {string} text @returns {string | null} */
  expected: (_name, text) => text,
  correctIt: "Correct it where it was set; this warning then goes away.",

  // Dialogs and writing.
  /** @param {string} name @param {string} operation @param {string} time */
  busy: (name, operation, time) => `${name} started a ${kind(operation)} at ${time}.`,
  backupLater: "Nothing else was started. You can try again when it has ended. What you typed is kept.",
  nothingElseStarted: "Nothing else was started. You can try again when it has ended.",
  isLost: "The connection is lost.",
  backupWhenBack: "You can start the backup when it is back. What you typed is kept.",
  startingNow: "Starting",
  saving: "Saving",
  noAnswer: "There was no answer.",
  backupShows: "Whether the backup was started shows when the connection is back. What you typed is kept.",
  archiveShows: "There was no answer: whether it was begun shows when the connection is back.",
  /** @param {number} characters */
  tooLongBackup: (characters) => ({ title: "The description is too long", text: `by ${many(characters, "character")}. Nothing was started and your text is still here. Shorten it, then start.` }),
  /** @param {number} characters */
  tooLongNotes: (characters) => ({ title: "The notes are too long", text: `by ${many(characters, "character")}. Nothing was saved and your text is still here. Shorten it, then save.` }),
  backupNotStarted: "The backup was not started.",
  typedIsKept: " What you typed is kept.",
  /** @param {string} application @param {string | null} about */
  whileBackedUp: (application, about) => `${application} is under maintenance while it is backed up${about ? `, for ${about}` : ""}.`,
  lastTook: (/** @type {string} */ took) => ` The last backup took ${took}.`,
  firstLongest: " The first backup takes longest.",
  notesSaved: "Notes saved.",
  notesNotSaved: "The notes were not saved.",
  textStillHere: " Your text is still here.",
  textStillHereTryAgain: "There was no answer. Your text is still here. Try again.",
  /** @param {string | null} name @param {string | null} time */
  changedByOther: (name, time) => (name ? `${name} changed these notes${time ? ` at ${time}` : ""}.` : "Somebody else changed these notes."),
  bothShown: "Yours were not saved. Both texts are shown; keep one, or join them.",
  charactersExpired: "The characters were older than 5 minutes.",
  charactersWrong: "The characters did not match.",
  typeNewOnes: "Nothing was started. Type the new ones below.",
  charactersMatch: "The characters match.",
  charactersComing: "The characters are on their way.",
  /** @param {number} typed @param {number} wrong the first that differs, from 1; 0 if none does @param {string} until */
  charactersHint: (typed, wrong, until) => `${wrong === 0 ? `${typed} of 6.` : `Character ${wrong} is a different one.`} Capitals or small letters, both are fine. Valid until ${until}.`,
  charactersNotLoaded: "The characters could not be loaded.",
  askedAgain: "There was no answer. Nothing was started. They are asked for again in a moment.",
  startShows: "Whether it was started shows when the connection is back. What you typed is kept.",
  nothingStarted: "Nothing was started.",
  backupGone: "This backup no longer exists.",
  backupGoneText: (/** @type {number | null} */ days) => `${days === null ? "" : `It was older than ${many(days, "day")} and was removed. `}Nothing was started. Choose another one.`,
  cantBeRestored: "This backup can’t be restored.",
  /** @param {"restore" | "restart" | "end_maintenance"} action @param {string | null} about */
  whenEnded: (action, about) => `You can ${{ restore: "restore", restart: "restart", end_maintenance: "end the maintenance" }[action]} when it has ended${about ? `, in ${about}` : ""}.`,
  /** @param {"restore" | "restart" | "end_maintenance"} action */
  whenBack: (action) => `You can ${{ restore: "restore", restart: "restart", end_maintenance: "end the maintenance" }[action]} when it is back.`,
  confirm: {
    restore: { title: "Restore this backup?", button: "Restore" },
    restart: { title: "Restart all services?", button: "Restart" },
    end_maintenance: { title: "End the maintenance by hand?", button: "End maintenance" },
  },
  /** @param {string} trigger @param {string} by */
  origin: (trigger, by) => ({ scheduled: "automatic, every night", safety: `before a restore, by ${by}` }[trigger] ?? `manual, by ${by}`),
  /** @param {string} application @param {boolean} stays */
  safetyStep: (application, stays) => `${application} ${stays ? "stays" : "goes"} under maintenance and is backed up as it is now. If that fails, nothing is changed.`,
  restoreStep: (/** @type {string} */ date) => `The data becomes as it was on ${date}. What was entered since then is kept in the safety backup only.`,
  /** @param {number} services @param {boolean} ends */
  restartAfterStep: (services, ends) => `${allServices(services)} restarted and maintenance ${ends ? "ends" : "stays on, as it was"}.`,
  maintenanceFor: (/** @type {string | null} */ about) => (about ? `Under maintenance for ${about}.` : "Under maintenance until all three are done."),
  lastRestoreTook: (/** @type {string} */ took) => ` The last restore took ${took}.`,
  /** @param {string} application @param {boolean} stays @param {string | null} about */
  maintenanceStep: (application, stays, about) => (stays ? `${application} stays under maintenance.` : `${application} goes under maintenance ${about ? `for ${about}` : "until they run again"}.`),
  restartStep: (/** @type {number} */ services) => `${allServices(services)} restarted.`,
  backStep: /** @returns {string} */ (/** @type {boolean} */ stays) => (stays ? "Maintenance stays on, as it was before." : "Maintenance ends when every service runs, or at once if one can’t be started."),
  inDoubt: (/** @type {string | null} */ date) => `${date ? `The restore of ${date}` : "The last restore"} failed, and the safety backup could not be put back.`,
  afterEnd: (/** @type {string} */ application) => `${application} becomes available at once, with its data as it is now. Do this only if you have repaired or checked the data yourself. Restoring a backup is the safer way, and ends the maintenance by itself.`,
  notLoaded: "This part of the page could not be loaded. Reload the page, then try again.",

  // What comes from the server in English. Null: there are no words for it, its own are shown.
  /**
   * @param {import("../types.js").Failure} failure
   * @param {import("../messages.js").Failed} _of
   * @returns {Pick<import("../types.js").Failure, "happened" | "done" | "to_do" | "first"> | null}
   */
  failure: (failure, _of) => failure,
  /** @param {string} _name @param {string} detail @returns {string | null} */
  problem: (_name, detail) => detail,
  statusOnly: (/** @type {number} */ status) => `The server answered with status ${status}.`,
};
