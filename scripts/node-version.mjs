// Nothing but this check may be loaded before it has passed: the rest is written for the Node it asks for.
const OLDEST = [20, 19]

/** Ends with one clear sentence and status 2 on a Node that is too old to start the rest. */
export function requireNode() {
  const version = process.versions.node
  const [major, minor] = version.split('.').map(Number)
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return
  console.error(`isthmus needs Node ${OLDEST.join('.')} or newer to start, and this is Node ${version}.`)
  process.exit(2)
}
