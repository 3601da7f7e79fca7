"""Formulas on numpy arrays: bias scores, intervals, clusters, paired differences, corrections,
power.

Pure functions: nothing here reads or writes a file, knows a record or draws from a global
generator. One real use, the ambiguous accuracy of judged answers with its clustered interval:

    counts = bias.count(answers, n_clusters=25)
    measure = measures.accuracy("drop", (bias.AMBIG,))
    found = clusters.clustered(counts, measure)             # Clustered(value=0.62, se=0.041,
        df=17.3, n_clusters=25)
    clusters.interval(found, bounds=measure.bounds)         # Interval(low=0.531, high=0.702)
"""
