/**
 * The command line: asks a gateway through its API, and judges files without one.
 *
 *     argv ─► commander ─► commands/NAME.ts ─┬─ online: ApiClient ──► gateway          ─► table | JSON | YAML | names
 *                                            └─ offline: config, decode, federate, …   ─► stdout, findings to stderr
 *
 * One file a command. A command gets its `CliContext` and gives back an exit status; none prints by itself, knows the
 * real clock or ends the process, so that all run in tests. stdout is the answer and nothing else. Status 0: answered;
 * 1: a finding, a refusal, a difference; 2: wrong usage, or an environment that cannot run it; 3: no gateway answers.
 * `status` and `get` only tell what is: they are 0 whatever they show. What one command alone needs (etcd, YAML) it
 * loads by itself, late: `version` and `status` must start in no time.
 */
export type {CliContext} from './context.ts'
export {runCli} from './run-cli.ts'
