import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** Whether strace is here and may put faults into the system calls of another process. */
export function canInject(): boolean {
  const probe = ['-f', '-o', '/dev/null', '-e', 'inject=getppid:error=EIO', process.execPath, '--version'];
  return spawnSync('strace', probe).status === 0;
}

/** A fault in the system calls of a running process, on all of its threads, from now until `end`. */
export class InjectedFault implements AsyncDisposable {
  readonly #strace: ChildProcess;
  readonly #exited: Promise<unknown>;

  private constructor(strace: ChildProcess) {
    this.#strace = strace;
    this.#exited = once(strace, 'close');
  }

  /** @param fault as strace writes it, e.g. `fdatasync:error=EIO` */
  static async into(pid: number, fault: string): Promise<InjectedFault> {
    const [calls = ''] = fault.split(':');
    const args = ['-f', '-o', '/dev/null', '-e', `trace=${calls}`, '-e', `inject=${fault}`, '-p', String(pid)];
    const strace = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const injected = new InjectedFault(strace);
    let said = '';
    await new Promise<void>((resolve, reject) => {
      strace.stderr?.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        if (said.includes('attached')) resolve();
      });
      strace.once('close', () => reject(new Error(`strace has ended: ${said}`)));
    });
    return injected;
  }

  async end(): Promise<void> {
    this.#strace.kill('SIGINT');
    await this.#exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }
}
