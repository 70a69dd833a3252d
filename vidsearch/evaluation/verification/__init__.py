"""Pair verification (LFW, CFP-FP, AgeDB-30, CALFW, CPLFW, YTF): accuracy, TAR at FAR, ROC."""
