// @ts-check
// The shapes that the server's API sends. Types only: nothing here runs.
// Times are RFC 3339 in UTC; a field without a value is null.

/**
 * @typedef {object} Stage
 * @property {string} name backup, restore, put_back, redeploy, archive
 * @property {"to_come" | "in_progress" | "done" | "failed"} state
 * @property {string | null} started_at
 * @property {string | null} finished_at
 */

/**
 * @typedef {object} Size
 * @property {number} total_bytes
 * @property {number} added_bytes
 * @property {number} files
 */

/**
 * @typedef {object} Snapshot
 * @property {string} source
 * @property {string} id
 * @property {Size} size
 */

/**
 * Why something failed: which code, and what there is to say of it, which depends on the code.
 * @typedef {object} Cause
 * @property {string} code
 * @property {string} [source]
 * @property {string} [path]
 * @property {string} [why] what a system or a service said
 * @property {number} [more] paths with the same trouble
 * @property {string} [program]
 * @property {string} [ended] how the program ended
 * @property {string} [said] its last words
 * @property {string} [doing]
 * @property {string} [seen]
 * @property {string} [found]
 * @property {number | null} [exit_code]
 * @property {number} [limit_seconds]
 * @property {string} [service]
 * @property {string} [events]
 * @property {string} [in_the_way] the kind of an operation
 * @property {string} [since] a time of day
 * @property {string} [closed] a time of day
 * @property {string} [what]
 */

/**
 * @typedef {object} Failure
 * @property {string} code
 * @property {string} happened
 * @property {string} done
 * @property {string} to_do
 * @property {string} first what to do before anything else
 * @property {Cause | null} cause
 * @property {Cause | null} later_cause why making it good failed too
 * @property {boolean} stays whether the application stays under maintenance, as it was before
 */

/**
 * A row of the table.
 * @typedef {object} Record
 * @property {string} id
 * @property {"backup" | "restore"} kind
 * @property {"manual" | "scheduled" | "safety"} trigger
 * @property {"IN_PROGRESS" | "SUCCESS" | "FAILED"} status
 * @property {string} created_at
 * @property {string | null} finished_at
 * @property {string} notes
 * @property {number} notes_version
 * @property {Edited | null} notes_edited
 * @property {string} requested_by
 * @property {string | null} [requested_by_id] what the provider knows them by
 * @property {string | null} restored_from
 * @property {string | null} safety_backup
 * @property {boolean | null} put_back
 * @property {Size | null} size
 * @property {Stage[]} stages
 * @property {Snapshot[]} [snapshots]
 * @property {boolean} [expired] past its retention: its data is being removed, it cannot be restored
 * @property {Failure | null} failure
 */

/**
 * @typedef {object} Edited who changed the notes last, and when
 * @property {string} by
 * @property {string | null} [by_id] what the provider knows them by
 * @property {string} at
 */

/**
 * @typedef {object} OlderNotes notes as they were, who had written them, and when
 * @property {string} notes
 * @property {string} by
 * @property {string | null} [by_id] what the provider knows them by
 * @property {string} at
 */

/**
 * @typedef {Record & {notes_history: OlderNotes[]}} RecordWithHistory the older notes, newest first
 */

/**
 * @typedef {object} Purged what a purge has removed
 * @property {number} records
 * @property {number} snapshots
 * @property {number} freed_bytes
 */

/**
 * @typedef {object} RecordsPage
 * @property {Record[]} records newest first
 * @property {string | null} next the id to ask for older ones with
 */

/**
 * What is no row of the table of records.
 * @typedef {object} Activity
 * @property {string} id
 * @property {"restart" | "source_archive" | "end_maintenance" | "purge"} kind
 * @property {"IN_PROGRESS" | "SUCCESS" | "FAILED"} status
 * @property {string} created_at
 * @property {string | null} finished_at
 * @property {string} requested_by
 * @property {string | null} [requested_by_id] what the provider knows them by
 * @property {Stage[]} stages
 * @property {{key: string, size_bytes: number, file_name: string} | null} source_archive
 * @property {Purged | null} purged
 * @property {Failure | null} failure
 */

/**
 * @typedef {object} ActivitiesPage
 * @property {Activity[]} activities newest first
 * @property {string | null} next the id to ask for older ones with
 */

/**
 * A source archive, with a link that was made for this answer.
 * @typedef {object} SourceArchive
 * @property {string} id
 * @property {string | null} url null if it is not kept any more
 * @property {string | null} expires_at
 */

/**
 * @typedef {"restore" | "restart" | "end_maintenance"} Action what needs a confirmation
 */

/**
 * @typedef {object} Confirmation
 * @property {string} id
 * @property {string} code what is to be typed
 * @property {string} expires_at
 */

/**
 * @typedef {object} Progress
 * @property {number} done_bytes
 * @property {number | null} total_bytes
 * @property {number} done_files
 * @property {number | null} total_files
 * @property {string | null} source
 * @property {string} at when this was written
 */

/**
 * @typedef {object} Operation
 * @property {string} id
 * @property {string} kind
 * @property {string} record_id the record or the activity that will tell how it ended
 * @property {string} started_at
 * @property {string} requested_by
 * @property {Stage[]} stages
 * @property {Progress | null} progress
 */

/**
 * @typedef {object} Night
 * @property {string} date
 * @property {"success" | "failed" | "none" | "in_progress"} outcome
 */

/**
 * @typedef {object} Nightly
 * @property {boolean} on
 * @property {string | null} time as it is set: 02:00
 * @property {string | null} time_zone where it is that time
 * @property {string | null} next_at null when it is off
 * @property {string | null} last_success_at
 * @property {boolean} overdue
 * @property {Night[]} nights oldest first
 */

/**
 * A setting with a value that cannot be used.
 * @typedef {object} WrongSetting
 * @property {string} name
 * @property {string} value
 * @property {string} expected what it has to be
 * @property {string} in_force what holds meanwhile
 */

/**
 * @typedef {object} State
 * @property {{name: string, services: {running: number, desired: number}}} application
 * @property {Operation | null} operation
 * @property {{on: boolean, since: string | null, message: string | null}} maintenance
 * @property {Nightly} nightly
 * @property {WrongSetting[]} wrong_settings
 * @property {{backup: number | null, restore: number | null, restart: number | null}} usual_seconds
 * @property {number} retention_days
 * @property {{name: string, role: string, signed_in: boolean}} user
 */

export {};
