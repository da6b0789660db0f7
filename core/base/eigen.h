/* Eigenvalues of small matrices. Not LAPACK's, whose last bits depend on the library and the processor: sums and products
 * run in one order here, as in elementary.h. */
#ifndef CREAM_CORE_EIGEN_H
#define CREAM_CORE_EIGEN_H

/* The eigenvalues of the symmetric matrix a[n][n], in no order, by Jacobi's rotations (Golub and Van Loan, Matrix
 * Computations, section 8.5). a is overwritten. Errors are some 1e-15 of the largest absolute value. NaN where a has a
 * number that is not finite. */
void cream_eigenvalues(double *a, int n, double *values);

#endif
