/** What is used of libsvm-js, which brings no types. */
declare module "libsvm-js/asm.js" {
  interface Svm {
    train(samples: readonly (readonly number[])[], labels: readonly number[]): void;
    /** Indices of the support vectors among the samples, in the order of the serialised model. */
    getSVIndices(): number[];
    serializeModel(): string;
    free(): void;
  }
  interface SvmOptions {
    type: string;
    kernel: string;
    gamma: number;
    cost?: number;
    nu?: number;
    tolerance?: number;
    cacheSize?: number;
    quiet: boolean;
  }
  interface SvmClass {
    new (options: SvmOptions): Svm;
    readonly SVM_TYPES: Readonly<Record<"C_SVC" | "ONE_CLASS", string>>;
    readonly KERNEL_TYPES: Readonly<Record<"RBF", string>>;
  }
  const Svm: SvmClass;
  export default Svm;
}
