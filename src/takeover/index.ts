/**
 * Which of two gateways a cloud's route table points at: a process of its own beside the daemon, `isthmus watch-routes`,
 * since a daemon that is away must cost no failover.
 *
 *     BIRD, drain, lan-lost ─► own ability ─┐                         ┌─► nothing
 *                            twin's Word, asked ─┴─► takeover judge ──┴─► the operator's command (no shell, bounded, tried again)
 *
 * Each gateway says of itself what it can do, over HTTP, and hears the same of its twin; both judge by the same two words, so
 * they come to the same answer. What cannot be known by words (the cloud's table itself) is not asked for: whoever has it runs its
 * command again from time to time, which changes nothing where nothing is wrong. Who has the routes is told by a number that
 * each taking raises, so no two clocks are compared. The judge is pure; time, sockets and processes are around it.
 */
export {createTakeoverJudge, type TakeoverJudge, type TakeoverTimes, type Verdict, type Word} from './judge.ts'
export {registerTakeoverMetrics, type TakeoverSample} from './metrics.ts'
export {type CommandResult, runCommand} from './run-command.ts'
export {watchRoutes} from './watch-routes.ts'
