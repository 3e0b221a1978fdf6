/**
 * BIRD's configuration: one file, and the running BIRD that must have loaded it.
 *
 *     text ─► FILE.isthmus-new ─configure check─► rename ─► configure timeout 30 ─► loaded? ─► configure confirm
 *                    │ refused                                   │ refused, or never loaded
 *                    ▼                                           ▼
 *             removed; nothing changed                    the old file is put back
 *
 * Never `configure soft`: it leaves routes that the new filters refuse. An unconfirmed configuration is undone by BIRD
 * itself after 30 s, so a daemon that dies in between leaves a BIRD that works, and one that then finds its text loaded
 * confirms it. Whether BIRD runs with a text is asked of BIRD: each text defines a constant with its own hash, and the
 * socket evaluates it. With BIRD away the file is checked by `bird -p` and put in place, so that BIRD comes up with it; the
 * outcome is still a failure, to be retried.
 */
export {type BirdDriverOptions, createBirdDriver} from './driver.ts'
export {watchBird} from './watch.ts'
