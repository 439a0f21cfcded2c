/** Takes what a pino logger takes; the default says nothing. */
export interface Logger {
  debug(obj: object, msg?: string): void;
  info(obj: object, msg?: string): void;
  warn(obj: object, msg?: string): void;
  error(obj: object, msg?: string): void;
}

/** A logger that throws is the application's fault, and must not become one of ours: what it throws is dropped. */
export function guardedLogger(logger: Logger | undefined): Logger {
  const guarded =
    (level: keyof Logger) =>
    (fields: object, message?: string): void => {
      try {
        logger?.[level](fields, message);
      } catch {
        // There is nobody left to tell.
      }
    };
  return { debug: guarded('debug'), info: guarded('info'), warn: guarded('warn'), error: guarded('error') };
}
