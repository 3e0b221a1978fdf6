/** Everything that is wrong with a scenario, a line each, with file, line and path. */
export class ScenarioRefused extends Error {}
