"""Formulas on numpy arrays: counts, measures, intervals, clusters, paired differences, corrections,
power.

Pure functions: nothing here reads or writes a file, knows a record or a benchmark, or draws from a
global generator. One real use, an accuracy with its clustered interval:

    table = answers.count(cluster, n_clusters=25)           # counts.Answers
    measure = measures.accuracy(counts.DROP, places=(0,))
    share = clusters.clustered(table, measure)    # Clustered(value=0.62, se=0.041, df=17.3,
                                                  #           n_clusters=25)
    clusters.interval(share, bounds=measure.bounds)         # Interval(low=0.531, high=0.702)
"""
