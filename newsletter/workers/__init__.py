"""Runs the pipeline's steps on several machines, started by the job engine Procrastinate. Decides nothing.

What is due is rows of the newsletter. The engine may lose, double or strand any job, and its tables may be
emptied: each step repeats harmlessly, and every worker looks again every few seconds.
"""
