// Mocha's spec reporter, closed by the plain line that CI reads: `N passed, N failed, N skipped`.
const {reporters, Runner} = require('mocha')

module.exports = class PlainClosing extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options)
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const {passes, failures, pending} = this.stats
      console.log(`${passes} passed, ${failures} failed, ${pending} skipped`)
    })
  }
}
