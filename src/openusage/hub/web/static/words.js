// Figures in the same words as the hub's own (openusage.format); a test compares them.
"use strict";

const words = {
  /** How old, in one unit: `4 s`, `6 m`, `2 h`, `3 d`. */
  age(seconds) {
    for (const [unit, length] of [["d", 86400], ["h", 3600], ["m", 60]]) {
      if (seconds >= length) return `${Math.floor(seconds / length)} ${unit}`;
    }
    return `${Math.max(0, Math.floor(seconds))} s`;
  },

  /** How long, in at most two units: `42 s`, `48 m`, `1 h 18 m`. */
  duration(seconds) {
    const left = Math.max(0, Math.floor(seconds));
    for (const [unit, length, small, part] of [["d", 86400, "h", 3600], ["h", 3600, "m", 60]]) {
      if (left >= length) {
        const rest = Math.floor((left % length) / part);
        const whole = `${Math.floor(left / length)} ${unit}`;
        return rest && left < 100 * 86400 ? `${whole} ${rest} ${small}` : whole;
      }
    }
    return left >= 60 ? `${Math.floor(left / 60)} m` : `${left} s`;
  },

  /** Marks on an axis, all alike: `$0.50`, `$20`, `1.5M`. */
  marks(values, unit) {
    const cents = unit === "usd" && values.some((value) => !Number.isInteger(value));
    return values.map((value) => {
      const power = [0, 1, 2, 3, 4].findLast((p) => Math.abs(value) >= 1000 ** p) ?? 0;
      const part = value / 1000 ** power;
      const text = power === 0 && cents ? part.toFixed(2) : String(Number(part.toPrecision(4)));
      return (unit === "usd" ? "$" : "") + text + ["", "k", "M", "B", "T"][power];
    });
  },
};
