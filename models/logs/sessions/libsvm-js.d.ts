/** What is used of libsvm-js, which brings no types. */
declare module "libsvm-js/asm.js" {
  interface Svm {
    train(samples: readonly (readonly number[])[], labels: readonly number[]): void;
    serializeModel(): string;
    free(): void;
  }
  interface SvmClass {
    new (options: { type: number; kernel: number; gamma: number; cost: number; quiet: boolean }): Svm;
    readonly SVM_TYPES: Readonly<Record<"C_SVC", number>>;
    readonly KERNEL_TYPES: Readonly<Record<"RBF", number>>;
  }
  const Svm: SvmClass;
  export default Svm;
}
