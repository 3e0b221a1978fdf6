import metadata from '../../package.json' with {type: 'json'}

/** Of the program; the daemon reports it in its status, the command line by `isthmus version`. */
export const VERSION: string = metadata.version
