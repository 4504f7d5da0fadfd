// Wakes whoever waits for it; rung while nobody waits, it is heard by the next one.
export class Bell {
  #rung = false;
  #hear: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#hear?.();
  }

  /** Resolves when rung, or when the signal is aborted. */
  async wait(signal: AbortSignal): Promise<void> {
    if (!this.#rung && !signal.aborted) {
      let hear: () => void = () => undefined;
      await new Promise<void>((resolve) => {
        hear = resolve;
        this.#hear = hear;
        signal.addEventListener('abort', hear, { once: true });
      });
      signal.removeEventListener('abort', hear);
      this.#hear = undefined;
    }
    this.#rung = false;
  }
}
