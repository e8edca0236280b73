pragma circom 2.0.0;

// The upper triangle, row by row, of the Gram matrix of n private rows of d entries.
template Gram(n, d) {
    signal input x[n][d];
    signal output g[n * (n + 1) / 2];
    signal product[n * (n + 1) / 2][d];
    var entry = 0;
    for (var i = 0; i < n; i++) {
        for (var j = i; j < n; j++) {
            var sum = 0;
            for (var k = 0; k < d; k++) {
                product[entry][k] <== x[i][k] * x[j][k];
                sum += product[entry][k];
            }
            g[entry] <== sum;
            entry++;
        }
    }
}
